"""PostgreSQL under the registry: a restarted server is asked again, and the password stands in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from harness.store.postgres import PASSWORD, Postgres
from weir.registry.adapters.database import Database
from weir.registry.app.app import Registry
from weir.registry.settings import RegistrySettings
from weir.runtime.errors import BadSetting


def policy(version: str) -> dict[str, Any]:
    return {"kind": "policy", "name": "p", "version": version, "spec": {"input_bytes_max": int(version)}}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.slow
def test_a_database_server_that_was_restarted_is_asked_again(registry: Registry, postgres: Postgres) -> None:
    registry.apply([policy("1")], "me", dry_run=False)

    postgres.stop()
    with pytest.raises(OperationalError):
        registry.apply([policy("2")], "me", dry_run=False)
    postgres.start()

    (change,) = registry.apply([policy("2")], "me", dry_run=False)
    assert change.change == "created"


@pytest.mark.slow
def test_the_password_of_the_database_comes_from_its_file_and_is_not_printed(
    postgres: Postgres, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    place = postgres.url(password=None).render_as_string()
    settings = RegistrySettings(database_url=place, database_password_file=file)

    Database(settings.url()).close()

    assert PASSWORD not in repr(settings) + str(settings.url())
    file.write_text("another")
    with pytest.raises(OperationalError, match="password"):
        Database(settings.url())
    for wrong, word in ((tmp_path / "none", "cannot be read"), (tmp_path / "empty", "is empty")):
        (tmp_path / "empty").write_text("")
        with pytest.raises(BadSetting, match=word):
            RegistrySettings(database_url=place, database_password_file=wrong).url()
    with pytest.raises(BadSetting, match="no database URL"):
        RegistrySettings(database_url="weir at home").url()
