"""A command that records who made a change says so when nobody can be named, and reaches no service."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from weir.cli.__main__ import app
from weir.cli.output import CliError

STREAM = ["--tenant", "demo", "--route", "docs-qa"]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["apply", "-f", "a.yaml"], "--author"),
        (["asset", "approve", "model", "m", "1"], "--author"),
        (["asset", "alias", "model", "m", "prod", "1"], "--author"),
        (["drift", "dismiss", *STREAM, "--reason", "known"], "--author"),
        (["alert", "silence", "add", "alertname=slow", "--for", "2h", "--comment", "known"], "--owner"),
        (["alert", "silence", "expire", "s"], "--author"),
    ],
)
def test_a_process_without_a_users_name_is_asked_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], option: str
) -> None:
    def nobody() -> str:
        raise KeyError("getpwuid(): uid not found: 4711")

    monkeypatch.setattr(getpass, "getuser", nobody)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.yaml").write_text("kind: prompt\nname: p\nversion: '1'\nspec: {template: x, variables: []}\n")

    ran = CliRunner().invoke(app, command, env={"WEIR_HOME": str(tmp_path)})

    assert isinstance(ran.exception, CliError), ran.output
    assert option in ran.exception.message
