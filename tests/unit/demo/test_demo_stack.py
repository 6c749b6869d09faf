"""The demo begins where nothing lives: a running stack and its data are left as they are; an interrupt stops its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack.small_stack import small_stack
from harness.waiting import eventually
from weir.cli.stack.layout import layout
from weir.cli.stack.members import members
from weir.cli.stack.sight import look
from weir.cli.stack.state import State

CHECKOUT = Path(__file__).resolve().parents[3]


def demo(repository: Path, path: str = "") -> subprocess.Popen[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return subprocess.Popen(
        [sys.executable, "-m", "demo", "--exit"],
        cwd=CHECKOUT,
        env={
            **kept,
            "WEIR_DEMO_REPOSITORY": str(repository),
            "PYTHONPATH": str(CHECKOUT / "tests"),
            "PATH": f"{path}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.slow
def test_a_running_stack_is_not_stopped_and_its_data_is_not_deleted(tmp_path: Path) -> None:
    with small_stack(tmp_path / ".weir") as place:
        kept = place.data / "kept"
        kept.write_text("somebody's")

        with demo(tmp_path) as ran:
            shown, said = ran.communicate(timeout=60)

        assert ran.returncode == 4, said
        assert "a stack runs on" in said
        assert "`weir down` first" in said
        assert shown == ""
        assert kept.read_text() == "somebody's"
        assert not (place.secrets / "demo-webhook.secret").exists()
        assert look(place).state is State.RUNNING


@pytest.mark.slow
def test_an_interrupted_demo_stops_what_it_had_started_though_it_is_told_twice(tmp_path: Path) -> None:
    """SIGTERM comes to the process group and once more from make, while Kafka starts."""
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!{sys.executable}\nimport sys, time\nif 'kafka.Kafka' in sys.argv: time.sleep(600)\n")
    java.chmod(0o755)
    place = layout(tmp_path / ".weir")
    with demo(tmp_path, str(java.parent)) as ran:
        eventually(lambda: "kafka" in look(place).facts.live, within_s=30, what="kafka starting")

        ran.send_signal(signal.SIGTERM)
        ran.send_signal(signal.SIGINT)
        shown, said = ran.communicate(timeout=60)

    assert ran.returncode == 1, said
    assert "what the demo had started is stopped again" in shown
    assert members(place) == []
    assert look(place).state is State.STOPPED
