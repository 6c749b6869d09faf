"""The set-up: what is missing and cannot be installed is named with the one command to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.setup import (
    PLACED_STUB,
    SetUpFailed,
    Step,
    ensure_programs,
    fingerprint,
    has,
    has_stub,
    is_current,
    run_all,
    stamp_of,
    steps,
)

ROOT = Path(__file__).resolve().parents[3]


def test_a_missing_java_ends_with_the_command_that_installs_it(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "setup.py")],
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 4
    assert "sudo apt-get install -y openjdk-17-jre-headless maven" in ran.stderr


def test_nothing_is_installed_when_nothing_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("java", "mvn"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    ensure_programs(["java", "mvn"])

    with pytest.raises(SetUpFailed, match="kcat"):
        ensure_programs(["kcat"])


def test_a_step_is_done_again_when_its_inputs_changed() -> None:
    kafka = next(step for step in steps() if step.name == "Kafka")
    changed = type(kafka)(kafka.name, (*kafka.inputs, ROOT / "README.md"), lambda: True, kafka.run)

    assert fingerprint(changed) != fingerprint(kafka)
    assert is_current(changed) == (stamp_of(changed).exists() and stamp_of(changed).read_text() == fingerprint(changed))


def test_a_step_that_fails_ends_its_kind_and_not_the_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tools.setup.STATE", tmp_path)
    ran: list[str] = []

    def fails() -> None:
        raise SetUpFailed("no network")

    due = [
        Step("environment", (), lambda: True, fails),
        Step("broker", (), lambda: True, lambda: ran.append("broker")),
        Step("models", (), lambda: True, lambda: ran.append("models"), of_models=True),
        Step("index", (), lambda: True, lambda: ran.append("index"), of_models=True),
    ]
    with pytest.raises(SetUpFailed, match="no network"):
        run_all(due)

    assert ran == ["models", "index"]
    assert [is_current(step) for step in due] == [False, False, True, True]


def test_an_environment_made_anew_has_lost_its_stub(tmp_path: Path) -> None:
    """The corpus is still there then, and Triton would not start."""
    stub = tmp_path / "lib" / "python3.11" / "site-packages" / "pytriton" / PLACED_STUB
    assert not has_stub(tmp_path)
    stub.parent.mkdir(parents=True)
    stub.touch()
    assert has_stub(tmp_path)


def test_a_library_is_there_where_the_loader_finds_it() -> None:
    assert has("libc.so.6")
    assert not has("libnobody.so.1")
