"""`weir config show`: where a consumer of one's own finds the log and the schemas, and what said so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.cli.__main__ import app
from weir.cli.stack.layout import layout
from weir.cli.stack.ports import DEFAULTS
from weir.cli.stack.record import write_record
from weir.cli.stack.starting import endpoints_of


def shown() -> dict[str, tuple[str, str]]:
    """Value and source by name."""
    rows = json.loads(CliRunner().invoke(app, ["config", "show", "--json"]).stdout)["items"]
    return {row["name"]: (row["value"], row["from"]) for row in rows}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_HOME", str(tmp_path))
    monkeypatch.delenv("WEIR_KAFKA_BOOTSTRAP", raising=False)


def test_the_broker_and_the_schema_registry_of_a_stack_are_named() -> None:
    layout().make()
    write_record(layout(), endpoints_of(layout(), {**DEFAULTS, "kafka": 21_092, "registry": 21_081}))

    found, source = shown(), str(layout().endpoints_file)

    assert found["kafka_bootstrap"] == ("127.0.0.1:21092", source)
    assert found["registry_url"] == ("http://127.0.0.1:21081", source)


def test_a_variable_comes_before_the_stack_and_without_both_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown()["kafka_bootstrap"] == ("", "nothing: no stack runs")

    monkeypatch.setenv("WEIR_KAFKA_BOOTSTRAP", "broker:9092")
    assert shown()["kafka_bootstrap"] == ("broker:9092", "WEIR_KAFKA_BOOTSTRAP")
