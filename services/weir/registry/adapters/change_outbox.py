"""The outbox of the registry's database, as its relay reads it: what was acknowledged is marked.

A topic of changes that was made anew, by hand or because the broker lost its disk, gets every change again: who starts after
that knows no others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from confluent_kafka import KafkaException

from weir.events import Event
from weir.registry.adapters import outbox
from weir.registry.adapters.database import Database
from weir.registry.adapters.metrics import OUTBOX_WAITING, SENT_AGAIN
from weir.registry.adapters.outbox import CHANGES_TOPIC
from weir.runtime.clock import monotonic_s
from weir.runtime.kafka.relay import Unsent
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.telemetry.logs import logger

IDENTITY_EVERY_S = 5.0
"""Seconds between two looks at the id of the topic of changes. Chosen: as its followers look; one costs milliseconds."""


class ChangeOutbox:
    """Asks its database and the broker in threads."""

    def __init__(self, database: Database, topic_ids: TopicIds) -> None:
        self._database = database
        self._topic_ids = topic_ids
        self._looked_s = -IDENTITY_EVERY_S

    async def first(self, events_max: int) -> Sequence[Unsent[Event]]:
        """The first events that Kafka has not acknowledged, in order."""
        if monotonic_s() - self._looked_s >= IDENTITY_EVERY_S:
            await asyncio.to_thread(self._look_at_topic)
            self._looked_s = monotonic_s()
        return await asyncio.to_thread(self._first, events_max)

    async def settle(self, positions: Sequence[int]) -> None:
        """Mark these events."""
        await asyncio.to_thread(self._mark, positions)

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

    def _first(self, events_max: int) -> Sequence[Unsent[Event]]:
        with self._database.reading() as connection:
            OUTBOX_WAITING.set(outbox.waiting_count(connection))
            return outbox.waiting(connection, events_max)

    def _mark(self, positions: Sequence[int]) -> None:
        with self._database.writing() as connection:
            outbox.mark_sent(connection, positions)
