"""Counters: what is asked about many calls is counted by hour and day, before it is asked.

A count is never added to. `settle` looks for hours of which calls were stored since the last look, counts each of them anew
from its events, and then their days. So whatever was inserted twice, late, or just before a crash counts once.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from typing import Final

from weir.lineage.core.retention import DAY_S
from weir.lineage.store.counting import (
    CALL_HOURS,
    COUNTED_UNTIL,
    HOURS_STORED,
    IMPACT_DAY,
    IMPACT_HOURS,
    LOOK,
    NOTE_UNTIL,
)
from weir.lineage.store.metrics import COUNT_FAILURES, COUNT_S
from weir.lineage.store.store import QueryFailed, Store
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop

PAUSE_S: Final = 5.0
"""Seconds between two looks, at least. Arbitrary: any value from 1 to 60 would do; a question looks by itself."""

PAUSE_SHARE: Final = 20.0
"""A pause is so many times as long as the look before it. Chosen: counting takes a twentieth of a core at most."""

LATE_US: Final = 120_000_000
"""Microseconds before a look in which calls may have been stored that it does not see: a call is dated when its insert begins
and seen when it ends. Chosen: twice the longest that a store may take for a statement."""

HOUR_S: Final = 3_600
"""Seconds of the shortest time that is counted. Chosen: what an hour holds is counted in a second, see ADR 23."""


class Counters:
    """Of one store. Several at once count the same twice, to the same end."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._since_us: int | None = None
        self._seen: Mapping[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Settle again and again until `stop` is set; a failure is counted and tried again."""
        while not stop.is_set():
            begun_s = time.monotonic()
            try:
                await asyncio.to_thread(self.settle)
            except QueryFailed as error:
                COUNT_FAILURES.inc()
                logger().warning("count_failed", error=str(error))
            await wait_or_stop(stop, max(PAUSE_S, PAUSE_SHARE * (time.monotonic() - begun_s)))

    def settle(self) -> int:
        """Count every hour of which calls were stored since the last time; returns how many. Blocking. Raises QueryFailed."""
        with self._lock:
            if self._since_us is None:
                self._since_us = int(self._store.rows(COUNTED_UNTIL)[0]["until_us"])
            look = self._look(self._since_us)
            if look["rows"] in (0, self._seen.get("rows")) and look["newest_us"] == self._seen.get("newest_us", 0):
                return 0
            until_us = look["looked_us"] - LATE_US
            seen = self._look(until_us)  # before it is counted: what comes meanwhile is new to the next look
            [stored] = self._store.rows(HOURS_STORED, {"since_us": self._since_us})
            hours = [int(hour_s) for hour_s in stored["hours_s"]]
            with COUNT_S.time():
                self._count(hours)
            self._store.derive(NOTE_UNTIL, {"until_us": until_us})
            self._since_us, self._seen = until_us, seen
            return len(hours)

    def _look(self, since_us: int) -> Mapping[str, int]:
        return self._store.rows(LOOK, {"since_us": max(0, since_us)})[0]

    def _count(self, hours: list[int]) -> None:
        """Day by day, so that the first look at a full store needs the memory of a day."""
        days: dict[int, list[int]] = {}
        for hour_s in hours:
            days.setdefault(hour_s - hour_s % DAY_S, []).append(hour_s)
        for day_s, of_day in days.items():
            window = {"from_us": of_day[0] * 1_000_000, "to_us": (of_day[-1] + HOUR_S) * 1_000_000}
            self._store.derive(CALL_HOURS, {**window, "hours": of_day})
            self._store.derive(IMPACT_HOURS, {**window, "hours": of_day})
            self._store.derive(IMPACT_DAY, {"day": day_s})
