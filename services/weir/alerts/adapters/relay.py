"""Relay: sends the alert events of the database to Kafka in order, and drops what was acknowledged.

A crash between the acknowledgement and the drop sends the same events again, with the same ids.
"""

from __future__ import annotations

import asyncio

from weir.alerts.adapters import state_store
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.metrics import OUTBOX_WAITING
from weir.runtime.errors import Retryable
from weir.runtime.kafka.producer import EventProducer, Outgoing
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of

TOPIC = "alerts"

PAUSE_S = 1.0
"""Seconds between looks that nobody asked for, and after a refusal. Arbitrary: any value from 0.2 to 5 would do; a change is
told at once anyway."""


class Relay:
    """The one sender of a database's events."""

    def __init__(self, database: Database, producer: EventProducer, events_max: int) -> None:
        """events_max: events sent at once."""
        self._database = database
        self._producer = producer
        self._events_max = events_max
        self._work = asyncio.Event()

    def announce(self) -> None:
        """Say that there may be something to send."""
        self._work.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and send until `stop` is set; the owner of the producer closes it, after all who send with it."""
        connecting = asyncio.create_task(self._producer.start(stop))
        try:
            while not stop.is_set():
                self._work.clear()
                if await self._once():
                    continue
                await first_of(self._work, stop, within_s=PAUSE_S)
        finally:
            await connecting

    async def _once(self) -> bool:
        connection = self._database.connection
        batch = state_store.waiting_events(connection, self._events_max)
        OUTBOX_WAITING.set(state_store.waiting_count(connection))
        if not batch:
            return False
        try:
            await self._producer.send_all(
                [Outgoing(TOPIC, one.event.fingerprint, one.event, one.trace) for one in batch]
            )
        except Retryable as error:
            logger().warning("outbox_waiting", events=len(batch), error=str(error))
            return False
        with self._database.transaction() as writing:
            state_store.drop_sent(writing, batch[-1].position)
        return True
