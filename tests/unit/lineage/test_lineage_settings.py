"""The login of a ClickHouse server: from the URL, or with its password in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from weir.lineage.settings import LineageSettings
from weir.runtime.errors import BadSetting


def test_the_password_comes_from_its_file_else_from_the_url(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("from the file\n")
    url = "http://weir:from%20the%20url@clickhouse:8123"

    assert LineageSettings(clickhouse_url=url).clickhouse_password() == "from the url"
    assert LineageSettings(clickhouse_url=url, clickhouse_password_file=file).clickhouse_password() == "from the file"
    assert LineageSettings(clickhouse_url="http://clickhouse").clickhouse_password() == ""


@pytest.mark.parametrize(("content", "words"), [(None, "cannot be read"), ("\n", "is empty")])
def test_a_password_file_without_a_password_is_refused(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_text(content)

    with pytest.raises(BadSetting, match=f"WEIR_LINEAGE_CLICKHOUSE_PASSWORD_FILE.*{words}"):
        LineageSettings(clickhouse_url="http://weir@clickhouse", clickhouse_password_file=file).clickhouse_password()
