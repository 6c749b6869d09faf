"""Delivering events that have their numbers: the same events again and again until the broker has them.

A number taken and not written is a hole, and a hole reads as a loss. So a handler numbers its events once and hands
them here; it does not build them anew for another try.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weir.runtime.kafka.producer import EventProducer, Outgoing
from weir.runtime.kafka.retries import retried


async def deliver(producer: EventProducer, events: Sequence[Outgoing], stop: asyncio.Event, group: str) -> None:
    """Send events until all are acknowledged.

    group: consumer group in whose name the retries are counted. Raises Retryable only once `stop` is set, and then the
    message that caused the events must not be committed.
    """
    if events:
        await retried(lambda: producer.send_all(events), stop, group, events[0].topic)
