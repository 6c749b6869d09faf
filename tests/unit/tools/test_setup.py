"""The set-up: what is missing and cannot be installed is named with the one command to run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.setup import SetUpFailed, ensure_programs, fingerprint, is_current, stamp_of, steps

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
