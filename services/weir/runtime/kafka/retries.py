"""Retries: what the world refuses for now is tried again, with pauses, for as long as the process runs."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from weir.runtime.errors import Retryable
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import RETRIES
from weir.runtime.waits import wait_or_stop

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts, seconds, the last one for ever after. The first is shorter than a restart of a store, the last keeps
an outage to one log line in five seconds."""

Result = TypeVar("Result")


def backoff_s(attempt: int) -> float:
    """Seconds to pause after an attempt that failed. attempt: 0 for the first."""
    return BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)]


async def retry(work: Callable[[], Awaitable[Result]], stop: asyncio.Event, group: str, topic: str) -> Result:
    """Do the work until it succeeds. Raises Retryable once `stop` is set, and anything else that the work raises at once.

    group, topic: in whose name the retries are counted and logged.
    """
    for attempt in itertools.count():
        try:
            return await work()
        except Retryable as error:
            RETRIES.labels(group, topic).inc()
            logger().warning("retried", group=group, topic=topic, attempt=attempt, error=str(error))
            await wait_or_stop(stop, backoff_s(attempt))
            if stop.is_set():
                raise
    raise AssertionError("counting has no end")
