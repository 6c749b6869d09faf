"""When each node of a chain began and ended."""

from __future__ import annotations

import json
from collections.abc import Callable


class Timings:
    """Nodes one after the other, microseconds since 1970-01-01 UTC."""

    def __init__(self, now_us: Callable[[], int]) -> None:
        """The first node begins now."""
        self._now_us = now_us
        self._nodes: list[dict[str, str | int]] = []
        self._start_us = now_us()

    def end(self, name: str) -> None:
        """The node `name` ended now; the next one begins."""
        now_us = self._now_us()
        self._nodes.append({"name": name, "start_us": self._start_us, "end_us": now_us})
        self._start_us = now_us

    def as_json(self) -> str:
        """JSON list of {"name", "start_us", "end_us"}."""
        return json.dumps(self._nodes, separators=(",", ":"))
