"""The disk guard: looks at the store's disk again and again, and stops its merges while there is little room.

Inserts are refused below the same reserve by the engine itself (`lineage.store.store`), which the sink takes for a store that
is down: lag grows, nothing is lost, and all goes on when there is room.
"""

from __future__ import annotations

import asyncio

from weir.lineage.core.disk import FAR_S, may_merge, pause_s
from weir.lineage.store.metrics import DISK_FREE_BYTES, MERGES_STOPPED
from weir.lineage.store.store import QueryFailed, Store
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import wait_or_stop


class DiskGuard:
    """Of one store. A start lets merges run that an earlier process may have stopped."""

    def __init__(self, store: Store, reserve_bytes: int) -> None:
        """reserve_bytes: free bytes below which nothing is merged; 0 turns the guard off."""
        self._store = store
        self._reserve_bytes = reserve_bytes
        self._may: bool | None = None
        self._is_blind = False

    async def run(self, stop: asyncio.Event) -> None:
        """Look until `stop` is set. A store that does not answer is asked again."""
        while not stop.is_set():
            try:
                wait_s = await asyncio.to_thread(self.look)
            except QueryFailed as error:
                # A server that comes back has forgotten its settings.
                self._may, wait_s = None, FAR_S
                if not self._is_blind:
                    logger().warning("disk_unknown", error=str(error))
                self._is_blind = True
            else:
                self._is_blind = False
            await wait_or_stop(stop, wait_s)

    def look(self) -> float:
        """One look; returns the seconds until the next. Blocking, some milliseconds. Raises QueryFailed."""
        free_bytes = self._store.free_bytes()
        may = may_merge(self._may, free_bytes, self._reserve_bytes)
        if may is not self._may:
            self._store.let_merge(may)
            if not may or self._may is False:
                logger().warning("merges_may_run" if may else "merges_stopped", free_bytes=free_bytes)
        self._may = may
        DISK_FREE_BYTES.set(free_bytes)
        MERGES_STOPPED.set(not may)
        return pause_s(free_bytes, self._reserve_bytes)
