"""weir restart on small processes under the real supervisor: it ends when the process can work, or says why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.stack.small_stack import small_stack
from weir.cli.__main__ import app
from weir.cli.output import CliError, ExitCode
from weir.cli.stack import StackError, open_stack
from weir.cli.stack.layout import Layout
from weir.cli.stack.receivers import receivers_in_use
from weir.cli.stack.restarting import _reason, restart_process
from weir.cli.stack.supervisor import Supervisor

REFUSES = 'import sys\nprint("weir: WEIR_X is 5; expected 4", flush=True)\nprint("bye", flush=True)\nsys.exit(6)\n'
"""A process that refuses a setting at its start."""

NEVER_READY = """
import http.server, json, os, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps({"missing": ["Kafka"], "stack": os.environ.get("WEIR_STACK_INSTANCE")}).encode()
        self.send_response(503); self.end_headers(); self.wfile.write(body)
    def log_message(self, *_): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""
"""A service that lives and does not get ready."""


def restart(home: Path, name: str) -> CliError | None:
    ran = CliRunner().invoke(app, ["restart", name], env={"WEIR_HOME": str(home)})
    if isinstance(ran.exception, CliError):
        return ran.exception
    assert ran.exit_code == 0, ran.output
    return None


def pid_of(place: Layout, name: str) -> int:
    return next(int(info["pid"]) for info in Supervisor(place).processes() if info["name"] == name)


def test_a_process_is_another_one_and_ready_when_the_command_ends(tmp_path: Path) -> None:
    with small_stack(tmp_path, ["registry"]) as place:
        before = pid_of(place, "registry")

        assert restart(tmp_path, "registry") is None
        assert open_stack(tmp_path).is_ready("registry")
        assert pid_of(place, "registry") != before


def test_a_process_that_ends_at_its_start_is_an_error_with_the_reason_in_its_log(tmp_path: Path) -> None:
    with small_stack(tmp_path, ["registry"]) as place:
        (place.run / "service.py").write_text(REFUSES)

        refused = restart(tmp_path, "registry")

    assert refused is not None
    assert refused.code is ExitCode.NOT_READY
    assert "registry ended while it was starting" in refused.message
    assert "weir: WEIR_X is 5; expected 4" in refused.message
    assert refused.hint == "weir logs registry"


def test_a_process_that_does_not_get_ready_is_an_error_with_what_it_lacks(tmp_path: Path) -> None:
    with small_stack(tmp_path, ["registry"]) as place:
        (place.run / "service.py").write_text(NEVER_READY)

        with pytest.raises(StackError, match="registry was started and is not ready after 2 s: .*Kafka"):
            restart_process(open_stack(tmp_path), "registry", within_s=2.0)


def test_alerts_runs_on_when_its_receivers_file_could_not_be_read_by_a_new_one(tmp_path: Path) -> None:
    with small_stack(tmp_path, ["alerts"]) as place:
        place.receivers_file.write_text("receivers:\n  - {name: a, url: http://10.0.0.1/x, secret_file: none}\n")
        before = pid_of(place, "alerts")

        refused = restart(tmp_path, "alerts")

        assert refused is not None
        assert refused.code is ExitCode.NOT_READY
        assert str(place.receivers_file) in refused.message
        assert "expected https" in refused.message
        assert pid_of(place, "alerts") == before
        place.receivers_file.write_text("receivers: []\n")
        assert restart(tmp_path, "alerts") is None


def test_the_file_of_a_demo_receiver_is_the_one_in_use_where_the_supervisor_was_told_so(tmp_path: Path) -> None:
    place = Layout(tmp_path, tmp_path)
    place.make()
    told = place.run / "supervisord.conf"

    told.write_text(f'environment=WEIR_ALERTS_RECEIVERS_FILE="{place.receivers_file}"\n')
    assert receivers_in_use(place) == place.receivers_file
    told.write_text(f'environment=WEIR_ALERTS_RECEIVERS_FILE="{place.run / "receivers.yaml"}"\n')
    assert receivers_in_use(place) == place.run / "receivers.yaml"


@pytest.mark.parametrize(
    ("log", "read_from", "reason"),
    [
        ("weir: old\nweir: new\nbye\n", 10, "weir: new"),
        ("Traceback:\n  x\nOSError: no disk\nbye\n", 0, "OSError: no disk"),
        ('{"event": "a", "level": "error"}\n{"event": "b", "level": "info"}\n', 0, '{"event": "a", "level": "error"}'),
        ("first\nlast\n\n", 0, "last"),
        ("weir: rotated\n", 9_999, "weir: rotated"),
        ("", 0, "(it says nothing)"),
    ],
)
def test_the_reason_is_the_last_error_since_the_restart(tmp_path: Path, log: str, read_from: int, reason: str) -> None:
    file = tmp_path / "x.log"
    file.write_text(log)

    assert _reason(file, read_from) == reason
