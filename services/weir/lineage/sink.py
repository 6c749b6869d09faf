"""The sink: every topic into its table, in exact offset ranges, without decoding.

One round: consume for a moment; commit each partition's range as intent (the offset stays); insert each range under a
token made of it; commit the offsets. A crash anywhere leaves either the intent, and the range is rebuilt and inserted
again under the same token, or nothing, and it is consumed anew. The intent commit is also the fence: a member that lost
its partitions cannot commit one, and does not insert.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from weir.events import TOPICS, InvalidEvent
from weir.lineage.core.intent import Range, intent_of
from weir.lineage.core.message import Body, body_of
from weir.lineage.inserter import Inserter
from weir.lineage.metrics import REBUILT
from weir.lineage.settings import LineageSettings
from weir.runtime.deadletter import DeadLetters, RawMessage
from weir.runtime.metrics import BATCH_MESSAGES, LAG, MESSAGES
from weir.runtime.telemetry import logger

GROUP = "lineage"
POLL_INTERVAL_MS = 600_000
"""Milliseconds a round may take before the group gives the partitions away. Chosen: longer than any single insert."""

Place = tuple[str, int]
"""Topic and partition."""


class Sink:
    """Runs in a thread of its own; the event loop serves the dead letters' producer."""

    def __init__(
        self, settings: LineageSettings, inserter: Inserter, dead_letters: DeadLetters, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._settings = settings
        self._inserter = inserter
        self._dead_letters = dead_letters
        self._loop = loop
        self._stop = threading.Event()
        self._waiting: dict[Place, list[RawMessage]] = {}
        self._intents: dict[Place, Range] = {}
        self.is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; finishes the round in hand. Raises what the thread raised."""
        work = asyncio.create_task(asyncio.to_thread(self._consume))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        waiting.cancel()
        await work

    def _consume(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap,
                "group.id": GROUP,
                "group.instance.id": f"lineage-{self._settings.instance}",
                "session.timeout.ms": 10_000,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "max.poll.interval.ms": POLL_INTERVAL_MS,
                "fetch.wait.max.ms": 50,
                "queued.max.messages.kbytes": self._settings.batch_bytes_max // 1_024,
                "partition.assignment.strategy": "cooperative-sticky",
                "topic.metadata.refresh.interval.ms": 5_000,
                "allow.auto.create.topics": False,
            },
            logger=None,
        )
        consumer.subscribe(list(TOPICS), on_assign=self._assigned, on_revoke=self._revoked, on_lost=self._revoked)
        try:
            while not self._stop.is_set():
                self._round(consumer)
        finally:
            self.is_ready = False
            consumer.close()

    def _assigned(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        self.is_ready = True
        for place in consumer.committed(list(places), timeout=30):
            intent = intent_of(place.metadata, place.offset)
            if intent is not None:
                self._intents[place.topic, place.partition] = intent
                logger().info(
                    "intent_found", topic=place.topic, partition=place.partition, first=intent.first, last=intent.last
                )

    def _revoked(self, _: Any, places: Sequence[TopicPartition]) -> None:
        for place in places:
            self._waiting.pop((place.topic, place.partition), None)
            self._intents.pop((place.topic, place.partition), None)

    def _round(self, consumer: Any) -> None:
        messages = consumer.consume(self._settings.batch_messages_max, self._settings.flush_s)
        for message in messages:
            if message.error():
                logger().warning("consume_error", error=str(message.error()))
            else:
                raw = _raw(message)
                self._waiting.setdefault((raw.topic, raw.partition), []).append(raw)
        ranges = {place: batch for place in list(self._waiting) if (batch := self._due(place))}
        if not ranges:
            return
        if not self._committed(consumer, [_intended(place, batch) for place, batch in ranges.items()]):
            self._waiting.clear()
            return
        for place, batch in ranges.items():
            if not self._stored(place, batch):
                return
        self._committed(consumer, [TopicPartition(*place, batch[-1].offset + 1) for place, batch in ranges.items()])
        self._count(consumer, ranges)

    def _due(self, place: Place) -> list[RawMessage]:
        """Messages of a place to insert now: all there are, or exactly the intended range once it is complete."""
        waiting = self._waiting[place]
        intent = self._intents.get(place)
        if intent is None:
            self._waiting.pop(place)
            return waiting
        if waiting[-1].offset < intent.last:
            return []
        self._intents.pop(place)
        REBUILT.inc()
        self._waiting[place] = [message for message in waiting if message.offset > intent.last]
        if not self._waiting[place]:
            self._waiting.pop(place)
        return [message for message in waiting if message.offset <= intent.last]

    def _stored(self, place: Place, batch: Sequence[RawMessage]) -> bool:
        """Insert one range; False when a stop was asked for while the store refused."""
        bodies: list[Body] = []
        for message in batch:
            try:
                bodies.append(body_of(message.offset, message.value, self._settings.message_bytes_max))
            except InvalidEvent as error:
                self._reject(message, error)
        span = Range(batch[0].offset, batch[-1].offset)
        rejected = self._inserter.insert(place, span, bodies, self._stop)
        if rejected is None:
            return False
        by_offset = {message.offset: message for message in batch} if rejected else {}
        for offset, reason in rejected:
            self._reject(by_offset[offset], reason)
        if len(bodies) > len(rejected):
            self._dead_letters.note_good(*place)
        return True

    def _reject(self, message: RawMessage, error: InvalidEvent) -> None:
        """Dead-letter a message; a dead letter that is bad itself is only logged, or it would breed."""
        if message.topic == "dead-letters" and message.key == b"dead-letters/0":
            logger().error("dead_letter_unreadable", offset=message.offset, reason=error.reason)
            return
        asyncio.run_coroutine_threadsafe(
            self._inserter.until_taken(message, error, self._dead_letters), self._loop
        ).result()

    def _committed(self, consumer: Any, places: list[TopicPartition]) -> bool:
        try:
            done = consumer.commit(offsets=places, asynchronous=False)
        except KafkaException as error:
            logger().warning("commit_refused", error=str(error))
            return False
        return all(place.error is None for place in done)

    def _count(self, consumer: Any, ranges: dict[Place, list[RawMessage]]) -> None:
        for (topic, partition), batch in ranges.items():
            MESSAGES.labels(GROUP, topic).inc(len(batch))
            BATCH_MESSAGES.labels(GROUP).observe(len(batch))
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            LAG.labels(GROUP, topic, str(partition)).set(max(0, high - batch[-1].offset - 1))


def _intended(place: Place, batch: Sequence[RawMessage]) -> TopicPartition:
    span = Range(batch[0].offset, batch[-1].offset)
    return TopicPartition(*place, offset=span.first, metadata=span.as_metadata())


def _raw(message: Message) -> RawMessage:
    return RawMessage(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        _bytes(message.key()),
        _bytes(message.value()),
        message.timestamp()[1] * 1_000,
    )


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
