"""Following a compacted topic from its beginning: how a service keeps a copy of the registry's state.

No consumer group: every instance reads everything, again at each start, and goes on following.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from weir.events import Event, InvalidEvent
from weir.runtime.errors import Retryable
from weir.runtime.metrics import DEAD_LETTERS
from weir.runtime.producer import RECONNECT_S, wait_or_stop
from weir.runtime.serde import Serde
from weir.runtime.telemetry import logger

POLL_MS = 250
"""Milliseconds a poll waits for a first message. Chosen: bounds how late a stop is noticed."""


class Follower:
    """Applies every event of one topic, in order, from the first on; `caught_up` is set once the end was reached."""

    def __init__(self, *, bootstrap: str, topic: str, serde: Serde, apply: Callable[[Event], None]) -> None:
        """apply: called for each event; it must be quick and must accept an event it has seen before."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._serde = serde
        self._apply = apply
        self.caught_up = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Follow until `stop` is set, reconnecting and reading again from the beginning when the broker went away."""
        while not stop.is_set():
            # Subscribed without a group: the client learns the partitions and assigns all of them to this consumer.
            # It starts at the beginning by its reset policy; a seek would race with the policy's own first reset.
            consumer = AIOKafkaConsumer(
                self._topic,
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
            )
            try:
                await consumer.start()
                await self._follow(consumer, stop)
            except (KafkaError, Retryable) as error:
                logger().warning("follow_interrupted", topic=self._topic, error=repr(error))
                await wait_or_stop(stop, RECONNECT_S)
            finally:
                await consumer.stop()

    async def _follow(self, consumer: AIOKafkaConsumer, stop: asyncio.Event) -> None:
        places: list[TopicPartition] = sorted(consumer.assignment())
        if not places:
            raise Retryable(f"topic {self._topic!r} does not exist yet; 'weir up' creates the topics")
        ends = await consumer.end_offsets(places)
        while not stop.is_set():
            fetched = await consumer.getmany(timeout_ms=POLL_MS)
            for records in fetched.values():
                for record in records:
                    await self._one(record.value, record.offset)
            if not self.caught_up.is_set() and all([await consumer.position(p) >= ends[p] for p in places]):
                self.caught_up.set()

    async def _one(self, value: bytes | None, offset: int) -> None:
        try:
            self._apply(await self._serde.decode(self._topic, value))
        except InvalidEvent as error:
            DEAD_LETTERS.labels("follower", self._topic, error.reason).inc()
            logger().warning("message_ignored", topic=self._topic, offset=offset, reason=error.reason)
