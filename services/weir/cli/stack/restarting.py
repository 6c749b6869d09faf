"""Restarting one process of a running stack: it is done when the process can work again, else the reason is said.

Invariant: a process that works is not stopped for a file of the user's that it could not start with.
"""

from __future__ import annotations

import re
import time
import xmlrpc.client
from pathlib import Path

from weir.cli.stack.control import Stack
from weir.cli.stack.errors import StackError
from weir.cli.stack.processes import Process
from weir.cli.stack.readiness import missing
from weir.cli.stack.receivers import check_receivers, receivers_in_use

RESTART_S = 60.0
"""Seconds one process may take to be ready again: half of what the whole stack may."""

LOOK_S = 0.1
"""Seconds between looks at the process; small against a start."""

ENDED = ("BACKOFF", "EXITED", "FATAL")
"""The supervisor's states of a process that ended by itself."""

ERROR_LINE = re.compile(r'weir: |[\w.]*(?:Error|Exception|BadSetting)\b|ERROR |.*"level": "(?:error|critical)"')
"""Lines of a log that say why a process ended: a refused setting, the end of a traceback, an event of level error."""

REASON_CHARS_MAX = 500
"""Characters of such a line that are repeated; `weir logs` has the rest."""

LOG_BYTES_READ = 65_536
"""Bytes of a log's end that are looked through: a start that fails says far less."""


def restart_process(stack: Stack, name: str, within_s: float = RESTART_S) -> None:
    """Stop a process, start it and wait until it can work. Raises StackError with the reason, ConnectionError."""
    process = next(one for one in stack.table() if one.name == name)
    if name == "alerts":
        _check_receivers(stack)
    log = stack.layout.logs / f"{name}.log"
    try:
        stack.supervisor.stop(name)
        read_from = log.stat().st_size if log.exists() else 0
        stack.supervisor.start(name)
    except xmlrpc.client.Fault as fault:
        raise StackError(f"{name} did not restart: {fault.faultString}") from fault
    late = _late(stack, process, within_s)
    if late:
        raise StackError(f"{name} {late}; the last error in its log: {_reason(log, read_from)}")


def _check_receivers(stack: Stack) -> None:
    try:
        check_receivers(receivers_in_use(stack.layout))
    except StackError as error:
        raise StackError(f"alerts was not restarted and runs on as before: {error}") from error


def _late(stack: Stack, process: Process, within_s: float) -> str:
    """What kept a process that was started just now from getting ready; empty once it is ready."""
    deadline_s = time.monotonic() + within_s
    first = _seen(stack, process.name)[1]
    while True:
        state, pid = _seen(stack, process.name)
        if state in ENDED or pid != first:
            return "ended while it was starting, and is started again and again"
        lacks = missing(process, stack.endpoints.instance, pid)
        if not lacks:
            return ""
        if time.monotonic() > deadline_s:
            return f"was started and is not ready after {within_s:.0f} s: {lacks}"
        time.sleep(LOOK_S)


def _seen(stack: Stack, name: str) -> tuple[str, int]:
    """The supervisor's word for a process's state, and its process id."""
    info = next(info for info in stack.supervisor.processes() if info["name"] == name)
    return str(info["statename"]), int(info["pid"])


def _reason(log: Path, read_from: int) -> str:
    """The last error that a log holds from a position on, else its last line."""
    if not log.exists():
        return "(no log was written)"
    size = log.stat().st_size
    with log.open("rb") as file:
        file.seek(max(read_from if read_from <= size else 0, size - LOG_BYTES_READ))  # a shorter one was rotated
        lines = [line for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    return (errors or lines or ["(it says nothing)"])[-1][:REASON_CHARS_MAX]
