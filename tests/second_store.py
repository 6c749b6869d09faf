"""A second store on the same log: its own ClickHouse server and its own sink, to take away without harm to the stack.

The sink is `python -m weir.lineage` in another consumer group; the server is the real engine behind HTTP
(`clickhouse_front`). Whatever happens to either, in the end the store must hold what the log holds, once.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
import psutil

from stack import RunningStack
from waiting import eventually

FRONT = Path(__file__).with_name("clickhouse_front.py")
UP_WITHIN_S = 60.0


@dataclass
class SecondStore:
    """Both processes; `with` stops them."""

    stack: RunningStack
    folder: Path
    group: str
    settings: dict[str, str] = field(default_factory=dict)
    clickhouse_port: int = field(default_factory=lambda: _free_port())
    lineage_port: int = field(default_factory=lambda: _free_port())
    _clickhouse: subprocess.Popen[bytes] | None = None
    _lineage: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start_clickhouse()
        self.start_sink()
        return self

    def __exit__(self, *_: object) -> None:
        for process in (self._lineage, self._clickhouse):
            if process is not None:
                process.kill()
                process.wait()

    @property
    def url(self) -> str:
        """Of the second lineage's API."""
        return f"http://127.0.0.1:{self.lineage_port}"

    @property
    def sink(self) -> psutil.Process:
        """The sink's process."""
        assert self._lineage is not None
        return psutil.Process(self._lineage.pid)

    def start_clickhouse(self) -> None:
        """Start the server on its folder."""
        command = [sys.executable, str(FRONT), str(self.clickhouse_port), str(self.folder / "clickhouse")]
        self._clickhouse = self._started(command, {}, "clickhouse")
        address = f"http://127.0.0.1:{self.clickhouse_port}/ping"
        eventually(lambda: _status(address) == 200, within_s=UP_WITHIN_S, what="the second ClickHouse")

    def kill_clickhouse(self) -> None:
        """`kill -9`."""
        assert self._clickhouse is not None
        self._clickhouse.kill()
        self._clickhouse.wait()

    def start_sink(self, clickhouse_port: int = 0) -> None:
        """Start the sink. clickhouse_port: of a proxy before the server, 0 for the server itself."""
        environment = {
            **self.stack.environment,
            "WEIR_DATA_DIR": str(self.folder / "data"),
            "WEIR_HTTP_PORT": str(self.lineage_port),
            "WEIR_LINEAGE_GROUP": self.group,
            "WEIR_LINEAGE_CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse_port or self.clickhouse_port}",
            **self.settings,
        }
        self._lineage = self._started([sys.executable, "-m", "weir.lineage"], environment, "lineage")

    def kill_sink(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill it and wait for its end."""
        assert self._lineage is not None
        self._lineage.send_signal(number)
        self._lineage.wait()

    def until_ready(self) -> None:
        """Wait until the sink has its partitions."""
        eventually(lambda: _status(f"{self.url}/readyz") == 200, within_s=UP_WITHIN_S, what="the second sink ready")

    def sql(self, query: str) -> list[list[Any]]:
        """Rows of a query over the second store's views."""
        answer = httpx2.post(f"{self.url}/v1/sql", json={"query": query}, timeout=60)
        assert answer.status_code == 200, answer.text
        return list(answer.json()["rows"])

    def count(self, view: str, where: str) -> int:
        """Rows of a view; 0 while nobody answers."""
        try:
            return int(self.sql(f"SELECT count() FROM {view} WHERE {where}")[0][0])
        except (httpx2.TransportError, AssertionError):
            return 0

    def metric(self, line: str) -> float:
        """A metric of the sink, by the beginning of its line."""
        text = httpx2.get(f"{self.url}/metrics", timeout=10).text
        return sum(float(one.rsplit(" ", 1)[1]) for one in text.splitlines() if one.startswith(line))

    def _started(self, command: list[str], environment: dict[str, str], name: str) -> subprocess.Popen[bytes]:
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            return subprocess.Popen(command, env={**os.environ, **environment}, stdout=log, stderr=log)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _status(url: str) -> int:
    try:
        return httpx2.get(url, timeout=5).status_code
    except httpx2.TransportError:
        return 0
