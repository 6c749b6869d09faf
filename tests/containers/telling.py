"""What a long run says while it works: the step, what it takes, and where its output is."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

TAIL_CHARS = 3_000
"""Characters of a failed command's output that are shown; all of it is in the log."""


class StepFailed(Exception):
    """A command that had to succeed did not; the text holds the end of its output."""


class Teller:
    """Numbers the steps and keeps every command's output in one log."""

    def __init__(self, steps: int, log: Path) -> None:
        self._steps = steps
        self._done = 0
        self._log = log
        self._start_s = time.monotonic()
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")

    def step(self, name: str, act: Callable[[], str | None]) -> None:
        """Do one step; what `act` returns is shown behind it."""
        self._done += 1
        _say(f"[{self._done}/{self._steps}] {name} ...")
        start_s = time.monotonic()
        found = act()
        took = f"{time.monotonic() - start_s:.0f} s of {time.monotonic() - self._start_s:.0f}"
        _say(f"[{self._done}/{self._steps}] {name}: {found or 'done'} ({took})")

    def run(
        self, command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, timeout_s: float
    ) -> str:
        """Standard output of a command. Raises StepFailed when it fails or takes longer; what it said so far is in the log."""
        started = f"\n$ {' '.join(command)}\n"
        try:
            done = subprocess.run(
                command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=timeout_s,
                stdin=subprocess.DEVNULL,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            said = _text(error.stdout) + _text(error.stderr)
            raise self._failed(started, f"took more than {timeout_s:.0f} s", said) from error
        if done.returncode:
            raise self._failed(started, f"ended with {done.returncode}", done.stdout + done.stderr)
        self._keep(started + done.stdout + done.stderr)
        return done.stdout

    def _failed(self, started: str, how: str, said: str) -> StepFailed:
        self._keep(started + said)
        return StepFailed(f"{started.strip()} {how}; whole log: {self._log}\n{said[-TAIL_CHARS:]}")

    def _keep(self, text: str) -> None:
        with self._log.open("a") as log:
            log.write(text)


def _text(said: bytes | str | None) -> str:
    """Output of a command that was ended: bytes even where text was asked for, and nothing where it said nothing."""
    return said.decode(errors="replace") if isinstance(said, bytes) else said or ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
