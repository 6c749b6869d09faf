"""A service beside the stack's own, in a process of the test: started, killed, frozen and asked at will."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import httpx2
import psutil

from harness.waiting import eventually
from weir.cli.stack.ports import is_free

UP_WITHIN_S = 180.0
"""Seconds a process may take to get ready. Chosen: sixty times what it takes on a quiet machine."""


PORTS = range(10_000, 18_000)
"""Where a test finds a port. Below the stack's own (18,001 and up) and below those that the kernel gives to outgoing
connections (32,768 and up), which would take a port between its choice and its use."""

APART = 997
"""Ports between the beginnings of two neighbouring processes. Arbitrary: any value from 500 to 2,000 that shares no factor
with the size of `PORTS` would do."""

_numbers = count(os.getpid() * APART)


def free_port() -> int:
    """A port that nobody listens on. One process gets none twice before it had them all, and each begins elsewhere."""
    return next(port for number in _numbers if is_free(port := PORTS[number % len(PORTS)]))


def status_of(url: str) -> int:
    """HTTP status of a page; 0 when nobody answers."""
    try:
        return httpx2.get(url, timeout=30).status_code
    except httpx2.TransportError:
        return 0


@dataclass
class ServiceProcess:
    """One command with its health page; `log` grows over restarts."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    health_path: str = "/readyz"
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Of its health page and API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_started(self) -> bool:
        """Whether it was started and not killed since."""
        return self._process is not None

    @property
    def exit_code(self) -> int | None:
        """Of a process that ended by itself; None while it runs, and once it was killed."""
        return None if self._process is None else self._process.poll()

    @property
    def process(self) -> psutil.Process:
        """The running process."""
        assert self._process is not None
        return psutil.Process(self._process.pid)

    def start(self, **changes: str) -> None:
        """Start it. changes: variables of this start alone."""
        environment = {**os.environ, **self.environment, "WEIR_HTTP_PORT": str(self.port), **changes}
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.command, env=environment, stdout=log, stderr=log)

    def until_ready(self) -> None:
        """Wait until it can do its work."""
        url = self.url + self.health_path
        eventually(lambda: status_of(url) == 200, within_s=UP_WITHIN_S, what=f"{self.name} ready")

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal and wait for its end; nothing when it does not run."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(60)
            self._process = None

    def metric(self, line: str, **labels: str) -> float:
        """Sum of the metrics whose line begins so and that have these labels, whatever others they have."""
        text = httpx2.get(f"{self.url}/metrics", timeout=60).text
        wanted = [f'{name}="{value}"' for name, value in labels.items()]
        lines = [one for one in text.splitlines() if one.startswith(line) and all(label in one for label in wanted)]
        return sum(float(one.rsplit(" ", 1)[1]) for one in lines)
