"""Streams beyond a limit: each refusal is counted, each stream is logged once."""

from __future__ import annotations

from prometheus_client import Counter

from weir.runtime.telemetry.logs import logger

REMEMBERED_MAX = 1_000
"""Refused streams that are logged once each; beyond them only the metric counts. Arbitrary: some 100 kB; any
value from 100 to 10,000 would do."""


class RefusedStreams:
    """The streams that one limit has refused. metric: counts them. setting: the variable that holds the limit."""

    def __init__(self, metric: Counter, setting: str) -> None:
        self._metric, self._setting = metric, setting
        self._known: set[tuple[str, ...]] = set()

    def refuse(self, limit: int, **stream: str) -> None:
        """Count a refusal of `stream`, which is named by these fields."""
        self._metric.inc()
        key = tuple(stream.values())
        if key not in self._known and len(self._known) < REMEMBERED_MAX:
            self._known.add(key)
            logger().error("stream_refused", **stream, limit=limit, setting=self._setting)
