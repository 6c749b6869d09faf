"""A load by h2load (C), so that the client hides nothing: how long each call took, and how much was answered."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PATIENCE_S = 300.0
"""Seconds that a load may take. Chosen: a hundred times what it takes, for a busy machine."""

WARM_UP_SHARE = 10
"""One call in so many comes before the measured ones: connections are made, caches are warm. Arbitrary; any value from 5 to 50
would do."""


@dataclass(frozen=True, slots=True)
class Load:
    """What a load measured: latencies in order of size."""

    latencies_us: list[float]
    calls_per_second: float
    data_bytes: int
    """Bodies of all answers together."""

    @property
    def p50_us(self) -> float:
        """The usual call."""
        return self.latencies_us[len(self.latencies_us) // 2]

    @property
    def p99_us(self) -> float:
        """The slowest of a hundred."""
        return self.latencies_us[len(self.latencies_us) * 99 // 100]


@dataclass(frozen=True, slots=True)
class Target:
    """Where a load goes, and what each of its calls sends."""

    url: str
    headers: Mapping[str, str]
    body: Path
    is_http1: bool = False

    def load(self, calls: int, at_once: int, connections: int) -> Load:
        """So many calls, after some that do not count. Raises ValueError when one was not answered 2xx."""
        self._run(self.warm_up_calls(calls, at_once), at_once, connections)
        return self._run(calls, at_once, connections)

    def warm_up_calls(self, calls: int, at_once: int) -> int:
        """How many calls come before so many measured ones."""
        return max(calls // WARM_UP_SHARE, at_once)

    def _run(self, calls: int, at_once: int, connections: int) -> Load:
        log = self.body.with_suffix(".log")
        log.unlink(missing_ok=True)
        command = ["h2load", "-n", str(calls), "-c", str(connections), "-m", str(at_once // connections)]
        command += ["--h1"] if self.is_http1 else []
        command += ["-d", str(self.body), f"--log-file={log}"]
        for name, value in self.headers.items():
            command += ["-H", f"{name}: {value}"]
        began_s = time.perf_counter()
        printed = subprocess.run(
            [*command, self.url], check=True, capture_output=True, text=True, timeout=PATIENCE_S
        ).stdout
        took_s = time.perf_counter() - began_s
        found = re.search(r"\((\d+)\) data", printed)
        if found is None or f"status codes: {calls} 2xx" not in printed:
            raise ValueError(f"h2load did not succeed: {printed[-500:]}")
        latencies_us = sorted(float(line.split("\t")[2]) for line in log.read_text().splitlines())
        return Load(latencies_us, calls / took_s, int(found[1]))
