"""A stored rule that no alias puts in force is named by the commands that a person looks with; a typo of the alias is one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr
from sqlalchemy import make_url
from typer.testing import CliRunner

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.samples.alerts_world import RULE, World
from weir.alerts.api.routes import AlertsApi
from weir.cli.__main__ import app
from weir.cli.commands_doctor import _rules_in_force
from weir.cli.rules_in_force import not_in_force, why_not
from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.api.assets import AssetApi
from weir.registry.app.app import Registry
from weir.registry.settings import RegistrySettings

RUNNER = CliRunner()


@pytest.fixture
def services(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The real APIs of registry and alerts, where the commands find them."""
    database = Database(make_url(f"sqlite:///{tmp_path / 'registry.db'}"))
    with database.writing() as connection:
        outbox.set_up_numbering(connection, "registry/test", 1)
    settings = RegistrySettings(data_dir=tmp_path, http_token=SecretStr(TOKEN))
    alerts = AlertsApi(world.alerts, world.rulebook, world.database, {}, lambda: None)
    monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
    stored = AssetApi(Registry(database, lambda: None), settings).routes()
    with pages(stored) as registry_url, pages(alerts.routes()) as alerts_url:
        monkeypatch.setenv("WEIR_REGISTRY_URL", registry_url)
        monkeypatch.setenv("WEIR_ALERTS_URL", alerts_url)
        yield
    database.close()


def applied(folder: Path, name: str, *aliases: str) -> list[str]:
    """What `weir apply` of a rule prints."""
    document: dict[str, Any] = {"kind": "rule", "name": name, "version": "1", "spec": RULE}
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump({**document, **({"aliases": list(aliases)} if aliases else {})}))
    ran = RUNNER.invoke(app, ["apply", "-f", str(file), "--author", "me"])
    assert ran.exit_code == 0, ran.output
    return ran.stdout.splitlines()


@pytest.mark.usefixtures("services")
def test_apply_names_the_alias_that_moved(tmp_path: Path) -> None:
    head, *rows = applied(tmp_path, "typo", "prd")

    assert head.split() == ["change", "kind", "name", "version", "alias", "digest"]
    assert [line.split()[:5] for line in rows if "alias_moved" in line] == [["alias_moved", "rule", "typo", "1", "prd"]]
    assert "alias" not in applied(tmp_path, "bare")[0]


@pytest.mark.usefixtures("services")
def test_the_commands_name_a_rule_that_is_not_in_force(world: World, tmp_path: Path) -> None:
    applied(tmp_path, "known", "prod")
    world.rule("known")
    assert _rules_in_force() == (True, "all that are stored")

    applied(tmp_path, "typo", "prd", "prdo")
    listed = RUNNER.invoke(app, ["alert", "rules"]).stdout.splitlines()
    found = json.loads(RUNNER.invoke(app, ["alert", "rules", "--json"]).stdout)

    assert listed[-1] == "not in force: typo has no alias prod; it has prd, prdo"
    assert found["not_in_force"] == [{"name": "typo", "aliases": ["prd", "prdo"]}]
    assert _rules_in_force() == (True, "stored and not in force: typo has no alias prod; it has prd, prdo")


@pytest.mark.usefixtures("services")
def test_a_registry_that_does_not_answer_is_said(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.rule("known")
    monkeypatch.setenv("WEIR_REGISTRY_URL", "http://127.0.0.1:9")

    ran = RUNNER.invoke(app, ["alert", "rules", "--json"])

    assert ran.exit_code == 0
    assert json.loads(ran.stdout)["not_in_force"] is None
    assert "unknown: registry cannot be reached" in ran.stderr
    assert _rules_in_force() == (False, "whether other rules are stored is unknown")


def test_aliases_of_all_versions_count() -> None:
    versions = [{"name": "b", "aliases": ["prod"]}, {"name": "b", "aliases": ["old"]}, {"name": "a", "aliases": []}]

    bare, other = not_in_force([*versions, {"name": "c", "aliases": ["prod"]}], {"c"})

    assert why_not(bare, "prod") == "a has no alias prod; it has none"
    assert other["aliases"] == ["old", "prod"]
    assert "b has the alias prod and cannot run" in why_not(other, "prod")
