"""Holding a process's lock: `python -I -S hold.py LOCK -- COMMAND...` takes the lock, then becomes the command.

A stack's process and its lock live exactly as long as each other: the lock is inherited by the command (and by what it
starts), and the kernel releases it when the last of them is dead. So nobody can start a second broker on a live folder,
whatever became of the supervisor. Only the standard library is used, because it runs before every process.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

WAIT_S = 1.0
"""Seconds to wait for a lock: long against the microseconds for which a look at it takes it. A longer wait is the supervisor's,
who tries again."""

LOOK_S = 0.05
"""Seconds between tries. Small against a start; `weir status` takes each lock for some microseconds when it looks."""

EXIT_HELD = 75
"""Exit code when another process holds the lock (EX_TEMPFAIL of sysexits.h); the supervisor tries again."""


def main(arguments: Sequence[str]) -> None:
    """Take the lock and become the command; returns only by an exception or SystemExit."""
    path, separator, *command = arguments
    if separator != "--" or not command:
        raise SystemExit("usage: hold.py LOCK -- COMMAND...")
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if not _is_taken(lock, time.monotonic() + WAIT_S):
        sys.stderr.write(
            f"{path} is held by another process: {Path(path).read_text()[:200]!r}; stop it first (weir down)\n"
        )
        raise SystemExit(EXIT_HELD)
    sign(lock)
    os.set_inheritable(lock, True)
    os.execvp(command[0], command)


def sign(lock: int) -> None:
    """Write into a lock file who holds it."""
    os.ftruncate(lock, 0)
    os.pwrite(lock, json.dumps({"pid": os.getpid(), "start_ticks": start_ticks(os.getpid())}).encode(), 0)


def start_ticks(pid: int) -> int:
    """When a process started, clock ticks since boot: with the pid it names one process for ever. Raises OSError."""
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def _is_taken(lock: int, deadline_s: float) -> bool:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline_s:
                return False
            time.sleep(LOOK_S)
        else:
            return True


if __name__ == "__main__":
    main(sys.argv[1:])
