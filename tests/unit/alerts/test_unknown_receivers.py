"""A rule that names a receiver which does not exist is in force, and everybody who looks is shown that it notifies nobody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs
from typer.testing import CliRunner

from harness.http.boundary_client import TOKEN
from harness.http.page_server import pages
from harness.samples.alerts_world import World
from weir.alerts.adapters.metrics import UNKNOWN_RECEIVERS
from weir.alerts.adapters.receivers import Receiver
from weir.alerts.api.routes import AlertsApi
from weir.alerts.core.address import target_of
from weir.cli.__main__ import app
from weir.cli.commands_doctor import _receivers_of_rules

DEMO = Receiver("demo", target_of("http://localhost/", allow_private=True), True, ("secret",))
RUNNER = CliRunner()


def named() -> set[tuple[str, str]]:
    """What the metric names: rule and receiver."""
    [family] = [one for one in REGISTRY.collect() if one.name == "weir_alerts_unknown_receivers"]
    return {(one.labels["rule"], one.labels["receiver"]) for one in family.samples if one.value}


def said(events: list[Any]) -> list[tuple[str, str]]:
    return [(one["rule"], one["receiver"]) for one in events if one["event"] == "receiver_unknown"]


def test_what_no_receivers_file_has_is_named_by_rule_once_and_while_it_holds(world: World) -> None:
    UNKNOWN_RECEIVERS.clear()  # of other tests, in the one process of all
    world.rule("known", receivers=["demo", "other"])
    world.rule("typo", receivers=["demo", "on-cal", "ops"])
    with capture_logs() as logs:
        world.wait(2)
        world.rule("late", receivers=["ops"])
        world.wait(2)

    assert said(logs) == [("typo", "on-cal"), ("typo", "ops"), ("late", "ops")]
    assert named() == {("typo", "on-cal"), ("typo", "ops"), ("late", "ops")}

    world.rule("typo", receivers=["demo"])
    world.rule("late", receivers=[])
    world.wait(2)
    assert named() == set()


def test_the_commands_name_the_rule_and_the_receiver(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    api = AlertsApi(world.alerts, world.rulebook, world.database, {"demo": DEMO}, lambda: None)
    monkeypatch.setenv("WEIR_HTTP_TOKEN", TOKEN)
    with pages(api.routes()) as url:
        monkeypatch.setenv("WEIR_ALERTS_URL", url)
        world.rule("known", receivers=["demo"])
        assert _receivers_of_rules() == (True, "all known")

        world.rule("typo", receivers=["demo", "on-cal"])
        listed = RUNNER.invoke(app, ["alert", "rules"]).stdout.splitlines()
        rules = json.loads(RUNNER.invoke(app, ["alert", "rules", "--json"]).stdout)["items"]
        is_well, found = _receivers_of_rules()

    assert [line.split()[-1] for line in listed] == ["receivers", "demo", "on-cal"]
    assert [(one["name"], one["unknown_receivers"]) for one in rules] == [("known", []), ("typo", ["on-cal"])]
    assert is_well
    assert found.endswith(": typo names on-cal")


def test_the_doctor_says_where_nobody_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    monkeypatch.setenv("WEIR_ALERTS_URL", "http://127.0.0.1:9")

    is_well, found = _receivers_of_rules()

    assert not is_well
    assert "alerts cannot be reached" in found
