"""The command line's contract: quick help, one JSON document, documented exit codes, text that cannot repaint."""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import subprocess
import sys
import threading
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from weir.alerts.adapters.deliveries import Delivery
from weir.cli.commands_alerts import DELIVERY_COLUMNS, delivery_row
from weir.cli.output import clean, emit_json, emit_table
from weir.cli.stack.layout import Layout, layout
from weir.cli.stack.ports import PortTaken, reserve
from weir.cli.stack.processes import processes
from weir.cli.stack.supervisor import configuration
from weir.cli.waterfall import waterfall

HEAVY = (
    "chdb",
    "clickhouse_connect",
    "tritonclient",
    "faust",
    "numpy",
    "aiokafka",
    "confluent_kafka",
    "httpx2",
    "supervisor",
)
LEAVES = (
    ["status"], ["logs", "kafka"], ["restart", "kafka"], ["sql", "SELECT 1"], ["asset", "list"], ["asset", "show", "prompt", "p"],
    ["asset", "history", "--since", "1h"], ["asset", "approve", "prompt", "p", "2"],
    ["diff", "prompt", "p", "1", "2"], ["trace", "show", "0" * 32], ["trace", "search"], ["lineage", "show", "x"],
    ["lineage", "impact", "dataset", "d"], ["lineage", "export", "x"],
    ["lineage", "blame", "docs-qa", "--evaluator", "answer-length"], ["feedback", "export", "f.jsonl"],
    ["audit", "gaps"], ["audit", "gaps", "--since", "1h"], ["dlq", "list"],
    ["dlq", "show", "x"], ["dlq", "replay", "x"],
    ["events", "replay", "--group", "lineage", "--topic", "feedback", "--since", "1h"],
    ["drift", "status"], ["alert", "list"], ["governance", "export", "log.jsonl"],
    ["drift", "clusters", "--tenant", "t", "--route", "r"], ["drift", "accept", "--tenant", "t", "--route", "r"],
    ["drift", "dismiss", "--tenant", "t", "--route", "r"],
    ["alert", "deliveries"], ["alert", "resend", "x"], ["alert", "test", "--receiver", "demo"],
    ["alert", "silence", "add", "alertname=x", "--for", "2h", "--comment", "c"], ["alert", "silence", "list"],
    ["alert", "silence", "expire", "x"], ["drift", "replay", "--from", "earliest"],
)  # fmt: skip


def weir(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
    return subprocess.run(
        [sys.executable, "-m", "weir.cli", *arguments], env={**environment, "WEIR_HOME": str(home)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_help_imports_nothing_heavy() -> None:
    script = f"import weir.cli.__main__, sys; print([m for m in {HEAVY!r} if m in sys.modules])"

    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
@pytest.mark.slow
def test_without_a_stack_every_leaf_says_so_in_one_document_and_exits_4(tmp_path: Path, leaf: list[str]) -> None:
    ran = weir(tmp_path, *leaf, "--json")

    assert ran.returncode == 4, ran.stderr
    assert json.loads(ran.stdout)["error"]["code"] == 4
    assert json.loads(ran.stdout)["error"]["hint"]


def test_a_missing_definition_file_is_not_found(tmp_path: Path) -> None:
    assert weir(tmp_path, "apply", "-f", str(tmp_path / "none.yaml")).returncode == 3


def test_a_wrong_option_is_a_usage_error(tmp_path: Path) -> None:
    assert weir(tmp_path, "status", "--nonsense").returncode == 2


@pytest.mark.slow
def test_keys_are_shown_once_and_listed_without_their_secret(tmp_path: Path) -> None:
    made = json.loads(weir(tmp_path, "keys", "create", "ci", "--tenant", "acme", "--scope", "infer", "--json").stdout)
    listed = weir(tmp_path, "keys", "list", "--json").stdout

    assert made["key"].startswith("weir_")
    assert made["key"] not in listed
    assert weir(tmp_path, "keys", "create", "ci", "--tenant", "acme", "--scope", "infer").returncode == 6
    assert weir(tmp_path, "keys", "revoke", "ci").returncode == 0
    assert weir(tmp_path, "keys", "revoke", "ci").returncode == 3


def test_a_column_that_no_row_has_is_no_blank_one() -> None:
    with pytest.raises(KeyError, match="no row has a column 'tries'"):
        emit_table([{"id": "d", "attempts": 1}], ("id", "tries"))


def test_deliveries_are_shown_with_all_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    made = Delivery("d", "demo", "g", "firing", "waiting", 3, 0, 0, 0, 0, "no answer", alertnames="drift-page")

    emit_table([delivery_row(asdict(made))], DELIVERY_COLUMNS)

    shown = ["d", "demo", "drift-page", "firing", "1970-01-01T00:00:00Z", "waiting", "3", "no", "answer"]
    assert capsys.readouterr().out.split()[-9:] == shown


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert clean("a\x1b[31mb\u202ec\x07") == "a[31mbc"


@given(st.text())
@example("\x9b\x7f\u202e\ud800")
def test_a_json_document_holds_what_it_was_given_and_nothing_that_repaints(text: str) -> None:
    written = io.StringIO()
    with contextlib.redirect_stdout(written):
        emit_json({"a": text})

    line = written.getvalue().removesuffix("\n")
    assert json.loads(line) == {"a": text}
    assert clean(line) == line
    line.encode()


def test_an_empty_home_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIR_HOME", "")
    assert layout().home == layout().root / ".weir"


@pytest.mark.parametrize("command", ["status", "doctor", "down"])
@pytest.mark.parametrize("name", [b"file/below", b"x" * 300, b"caf\xe9", b"file"])
@pytest.mark.slow
def test_a_home_that_cannot_be_is_one_error_line(tmp_path: Path, command: str, name: bytes) -> None:
    (tmp_path / "file").touch()
    result = weir(tmp_path / os.fsdecode(name), command)

    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("weir: the home ")
    assert "Traceback" not in result.stderr


def test_a_waterfall_shows_parents_before_children_with_their_share_of_time() -> None:
    def span(name: str, span_id: str, parent: str, start_us: int, end_us: int) -> dict[str, object]:
        links = {"weir.links": f"00-{'c' * 32}-{'d' * 16}-01"}
        return {
            "name": name, "span_id": span_id, "parent_span_id": parent, "start_time_us": start_us, "end_time_us": end_us,
            "status": "ok", "service": "gateway", "attributes": links if parent == "a" else {},
        }  # fmt: skip

    spans = [span("child", "b", "a", 500, 1_000), span("root", "a", "outside", 0, 1_000)]
    lines = waterfall({"trace_id": "t", "spans": spans}).splitlines()

    assert lines[0] == "trace t  1.0 ms  2 spans"
    assert [line.split()[0] for line in lines[1:]] == ["root", "child", "child"]
    assert lines[-1] == f"child links to trace {'c' * 32}"
    assert [line.count("█") for line in lines[1:]] == [40, 20, 0]


def test_what_began_after_the_call_says_how_long_after_and_leaves_the_bars_of_the_call() -> None:
    def span(name: str, span_id: str, parent: str, start_us: int, end_us: int) -> dict[str, object]:
        times = {"start_time_us": start_us, "end_time_us": end_us}
        return {
            "name": name, "span_id": span_id, "parent_span_id": parent, "status": "ok", "service": "s", "attributes": {}, **times,
        }  # fmt: skip

    spans = [
        span("call", "a", "", 0, 1_000), span("model", "b", "a", 500, 1_000), span("drift", "c", "a", 2_501_000, 2_502_000),
        span("early", "d", "a", -100, 500),
    ]  # fmt: skip
    head, call, *others = waterfall({"trace_id": "t", "spans": spans}).splitlines()

    assert head == "trace t  1.0 ms  4 spans"
    assert call.count("█") == 40
    assert [line.split()[0] for line in others] == ["early", "model", "drift"]
    assert [line.count("█") for line in others] == [24, 20, 0]
    assert "2.500 s later" in others[-1]


@pytest.mark.slow
def test_a_token_of_another_stack_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    class Refuses(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        environment = {"WEIR_HOME": str(tmp_path), "WEIR_ALERTS_URL": url, "WEIR_HTTP_TOKEN": "x", "PATH": "/usr/bin"}
        ran = subprocess.run(
            [sys.executable, "-m", "weir.cli", "alert", "list"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        server.shutdown()

    assert ran.returncode == 5, ran.stderr
    assert f"the token of the stack at {url}, or WEIR_HOME" in ran.stderr


def test_a_port_that_was_asked_for_and_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        with pytest.raises(PortTaken, match=f"port {port} for gateway is in use"):
            reserve({"gateway": port})


def test_every_process_binds_to_loopback_alone(tmp_path: Path) -> None:
    layout = Layout(tmp_path, tmp_path / "home")
    with reserve({}) as reservation:
        text = configuration(layout, processes(layout, reservation.ports, {"WEIR_HTTP_HOST": "127.0.0.1"}), "x")

    assert "0.0.0.0" not in text
    assert text.count("autostart=false") == 12


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["alert", "silence", "add", "a=b", "--comment", "c"], 2, "exactly one of --for and --end"),
        (["alert", "silence", "add", "a=b", "--comment", "c", "--for", "soon"], 6, "--for is 'soon'"),
        (["alert", "silence", "add", "a=b", "--comment", "c", "--end", "soon"], 6, "--end is 'soon'"),
        (["alert", "test"], 2, "exactly one of --receiver and --rule"),
    ],
)
@pytest.mark.slow
def test_a_silence_or_a_test_that_makes_no_sense_is_refused(
    tmp_path: Path, arguments: list[str], code: int, says: str
) -> None:
    ran = weir(tmp_path, *arguments)

    assert (ran.returncode, says in ran.stderr) == (code, True)
