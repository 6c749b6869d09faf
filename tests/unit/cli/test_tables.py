"""Tables: what the next command needs stands in one piece, on a narrow terminal and in a pipe."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest

REQUEST, TRACE = "01a0c3c0-7d2b-7e7f-9a51-6a1b2c3d4e5f", "da1dbc057a47db0489540288b8fa1021"
DIGEST = "sha256:" + "49d1b1283f44" + "0" * 52
QUESTION = "How do I read a text file line by line in Python, and what does the with statement do for me there?"
DRAW = "import json, sys; from weir.cli.output import emit_table; emit_table(*json.loads(sys.argv[1]))"
ROW = {
    "request_id": REQUEST,
    "trace_id": TRACE,
    "route": "docs-qa",
    "outcome": "ok",
    "question": QUESTION,
    "digest": DIGEST,
}


def piped(rows: object, columns: object, width: int = 80) -> list[str]:
    environment = {**os.environ, "COLUMNS": str(width)}
    ran = subprocess.run(
        [sys.executable, "-c", DRAW, json.dumps([rows, columns])],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout.splitlines()


def on_a_terminal(rows: object, columns: object, width: int) -> list[str]:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(width), "LINES": "50", "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-c", DRAW, json.dumps([rows, columns])], env=environment, stdout=theirs
    ) as ran:
        os.close(theirs)
        shown = b""
        while True:
            try:
                shown += os.read(ours, 65_536)
            except OSError:  # Linux says so of a terminal whose other side is closed
                break
    os.close(ours)
    assert ran.returncode == 0
    return shown.decode().splitlines()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_on_a_terminal_ids_stand_in_one_line_and_digests_are_short(width: int) -> None:
    lines = on_a_terminal([ROW, ROW], list(ROW), width)

    assert sum(REQUEST in line and TRACE in line and "sha256:49d1b1283f44" in line for line in lines) == 2
    assert not any("49d1b1283f440" in line for line in lines)
    assert len(lines) > 3 or width == 200  # what is only read is folded


@pytest.mark.parametrize("width", [20, 80])
def test_in_a_pipe_a_row_is_a_line(width: int) -> None:
    lines = piped([ROW, ROW], list(ROW), width)

    assert len(lines) == 3
    assert all(part in line for line in lines[1:] for part in (REQUEST, TRACE, "docs-qa", QUESTION))


def test_several_ids_of_a_row_stand_one_a_line_on_a_terminal_and_in_one_line_in_a_pipe() -> None:
    rows = [{"name": "novel-1", "events": 12, "request_ids": [REQUEST, REQUEST]}]

    assert sum(line.rstrip().endswith(REQUEST) for line in on_a_terminal(rows, list(rows[0]), 60)) == 2
    assert len(piped(rows, list(rows[0]))) == 2
