"""Delivering events that have their numbers: the same events again and again until the broker has them.

A number taken and not written is a hole, and a hole reads as a loss. So a handler numbers its events once and hands
them here; it does not build them anew for another try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weir.runtime.errors import Retryable
from weir.runtime.kafka.consumer import BACKOFF_S
from weir.runtime.kafka.producer import EventProducer, Outgoing
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import RETRIES
from weir.runtime.waits import wait_or_stop


async def deliver(producer: EventProducer, events: Sequence[Outgoing], stop: asyncio.Event, group: str) -> None:
    """Send events until all are acknowledged.

    group: consumer group in whose name the retries are counted. Raises Retryable only once `stop` is set, and then the
    message that caused the events must not be committed.
    """
    attempt = 0
    while events:
        try:
            await producer.send_all(events)
        except Retryable as error:
            topic = events[0].topic
            RETRIES.labels(group, topic).inc()
            logger().warning("delivery_retried", group=group, topic=topic, attempt=attempt, error=str(error))
            await wait_or_stop(stop, BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
            attempt += 1
            if stop.is_set():
                raise
        else:
            return
