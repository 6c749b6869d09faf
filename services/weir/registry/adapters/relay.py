"""Relay: sends the outbox to Kafka in order and marks what was acknowledged.

Kafka may be away for as long as it likes: the registry serves on and the outbox waits. A crash between the
acknowledgement and the mark sends the same events again, with the same ids. A topic of changes that was made anew, by hand or
because the broker lost its disk, gets every change again: who starts after that knows no others.
"""

from __future__ import annotations

import asyncio

from confluent_kafka import KafkaException

from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.adapters.metrics import OUTBOX_WAITING, SENT_AGAIN
from weir.registry.adapters.outbox import CHANGES_TOPIC, Waiting
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import Retryable
from weir.runtime.kafka.producer import EventProducer, Outgoing
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of

IDENTITY_EVERY_S = 5.0
"""Seconds between two looks at the id of the topic of changes. Chosen: as its followers look; one costs milliseconds."""


class Relay:
    """One sender over one outbox; the only one of its database."""

    def __init__(
        self, database: Database, producer: EventProducer, topic_ids: TopicIds, events_max: int, pause_s: float
    ) -> None:
        """events_max: events sent at once. pause_s: seconds between looks that nobody asked for."""
        self._database = database
        self._producer = producer
        self._topic_ids = topic_ids
        self._looked_s = -IDENTITY_EVERY_S
        self._events_max = events_max
        self._pause_s = pause_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work = asyncio.Event()

    def announce(self) -> None:
        """Say that there is something to send; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and send until `stop` is set."""
        self._loop = asyncio.get_running_loop()
        connecting = asyncio.create_task(self._producer.start(stop))
        try:
            while not stop.is_set():
                if not await self._once():
                    await first_of(self._work, stop, within_s=self._pause_s)
        finally:
            self._loop = None
            await connecting
            await self._producer.stop()

    async def _once(self) -> bool:
        """Send one batch; False when there was nothing to send or Kafka did not take it."""
        self._work.clear()
        if monotonic_s() - self._looked_s >= IDENTITY_EVERY_S:
            await asyncio.to_thread(self._look_at_topic)
            self._looked_s = monotonic_s()
        batch, count = await asyncio.to_thread(self._look)
        OUTBOX_WAITING.set(count)
        if not batch:
            return False
        try:
            await self._producer.send_all([Outgoing(one.topic, one.key, one.event) for one in batch])
        except Retryable as error:
            logger().warning("outbox_waiting", events=count, error=str(error))
            return False
        await asyncio.to_thread(self._mark, [one.position for one in batch])
        OUTBOX_WAITING.set(count - len(batch))
        return True

    def _look_at_topic(self) -> None:
        """Let the changes wait again when their topic is another one; a broker that is away is asked at the next look."""
        try:
            topic_id = self._topic_ids.of([CHANGES_TOPIC]).get(CHANGES_TOPIC)
        except KafkaException as error:
            logger().warning("topic_id_unknown", topic=CHANGES_TOPIC, error=str(error))
            return
        if topic_id is None:
            return  # it does not exist yet; what is written waits
        with self._database.writing() as connection:
            count = outbox.send_again_when_anew(connection, CHANGES_TOPIC, topic_id)
        if count:
            SENT_AGAIN.inc(count)
            logger().warning("topic_made_anew", topic=CHANGES_TOPIC, events_sent_again=count)

    def _look(self) -> tuple[list[Waiting], int]:
        with self._database.reading() as connection:
            return list(outbox.waiting(connection, self._events_max)), outbox.waiting_count(connection)

    def _mark(self, positions: list[int]) -> None:
        with self._database.writing() as connection:
            outbox.mark_sent(connection, positions)
