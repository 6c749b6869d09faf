"""Following a compacted topic from its beginning: how a service keeps a copy of the registry's state.

No consumer group: every instance reads everything, again at each start, and goes on following. A topic that was made anew,
by hand or because its broker lost the disk, has another id: it is read from its beginning, and what was known before stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from confluent_kafka import KafkaException

from weir.events import Event, InvalidEvent
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import Retryable
from weir.runtime.kafka.connection import RECONNECT_S
from weir.runtime.kafka.serde import Serde
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import DEAD_LETTERS, FOLLOWED_ANEW
from weir.runtime.waits import first_of, wait_or_stop

IDENTITY_EVERY_S = 5.0
"""Seconds between two looks at the topic's id. Chosen: a change of the registry is in force that soon after such a loss; a look
costs milliseconds. The client does not tell: it goes on waiting at an offset that the new topic does not have."""

IDENTITY_TIMEOUT_S = 2.0
"""Seconds for the answer. Chosen: a busy broker answers in one, and a service that stops waits no longer than this."""

POLL_MS = 250
"""Milliseconds a poll waits for a first message, and how late a stop is noticed. Arbitrary: any value from 50 to
1,000 would do."""


class Follower:
    """Applies every event of one topic, in order, from the first on; `caught_up` is set once the end was reached."""

    def __init__(self, *, bootstrap: str, topic: str, serde: Serde, apply: Callable[[Event], None]) -> None:
        """apply: called for each event; it must be quick and must accept an event it has seen before."""
        self._bootstrap = bootstrap
        self._topic = topic
        self._serde = serde
        self._apply = apply
        self._ids = TopicIds(bootstrap, IDENTITY_TIMEOUT_S)
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
                topic_id = await self._topic_id()  # asked first: a topic made anew in between is then noticed
                await consumer.start()
                await self._follow(consumer, topic_id, stop)
            except (KafkaError, KafkaException, Retryable) as error:
                logger().warning("follow_interrupted", topic=self._topic, error=repr(error))
                await wait_or_stop(stop, RECONNECT_S)
            finally:
                await consumer.stop()

    async def before(self, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
        """Run what needs the topic's state, once the end of the topic was reached or `stop` is set."""
        await first_of(self.caught_up, stop)
        await run(stop)

    async def _follow(self, consumer: AIOKafkaConsumer, topic_id: str, stop: asyncio.Event) -> None:
        partitions: list[TopicPartition] = sorted(consumer.assignment())
        if not partitions:
            raise self._missing()
        ends = await consumer.end_offsets(partitions)
        looked_s = monotonic_s()
        while not stop.is_set():
            fetched = await consumer.getmany(timeout_ms=POLL_MS)
            for records in fetched.values():
                for record in records:
                    await self._one(record.value, record.offset)
            if not self.caught_up.is_set() and all([await consumer.position(p) >= ends[p] for p in partitions]):
                self.caught_up.set()
            if monotonic_s() - looked_s >= IDENTITY_EVERY_S:
                await self._look(topic_id)
                looked_s = monotonic_s()

    async def _look(self, topic_id: str) -> None:
        """Raises Retryable when the topic is gone or another one; a broker that is away is asked again at the next look."""
        try:
            now = await self._topic_id()
        except KafkaException as error:
            logger().warning("topic_id_unknown", topic=self._topic, error=str(error))
            return
        if now != topic_id:
            FOLLOWED_ANEW.labels(self._topic).inc()
            raise Retryable(f"topic {self._topic!r} was made anew: its id was {topic_id} and is {now}")

    async def _topic_id(self) -> str:
        """The topic's id. Raises Retryable when there is no such topic, KafkaException while the broker does not answer."""
        found = await asyncio.to_thread(self._ids.of, [self._topic])
        if self._topic not in found:
            raise self._missing()
        return found[self._topic]

    def _missing(self) -> Retryable:
        return Retryable(f"topic {self._topic!r} does not exist; 'weir up' and 'weir topics create' make the topics")

    async def _one(self, value: bytes | None, offset: int) -> None:
        try:
            self._apply(await self._serde.decode(self._topic, value))
        except InvalidEvent as error:
            DEAD_LETTERS.labels("follower", self._topic, error.reason).inc()
            logger().warning("message_ignored", topic=self._topic, offset=offset, reason=error.reason)
