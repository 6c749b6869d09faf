"""The sink: every topic into its table, in exact offset ranges, without decoding.

One round: consume for a moment; commit each partition's range as intent (the offset stays); insert each range under a
token made of it; commit the offsets. A crash anywhere leaves either the intent, and the range is rebuilt and inserted
again under the same token, or nothing, and it is consumed anew. The intent commit is also the fence: a member that lost
its partitions cannot commit one, and does not insert.

Whatever goes wrong between the sink and the group (a refused commit, a fenced member, a broker that came back without
the session) has one answer: forget what is held and join again. All state that matters is in Kafka and in the store.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, Message, TopicPartition

from weir.events import InvalidEvent
from weir.lineage.adapters.commit import Commits, MembershipLost
from weir.lineage.adapters.group import Kept, joined
from weir.lineage.core.intent import Range, intent_of
from weir.lineage.core.message import Body, body_of
from weir.lineage.core.waiting import Place, Waiting
from weir.lineage.inserter import Inserter
from weir.lineage.metrics import REBUILT, REJOINED
from weir.lineage.settings import LineageSettings
from weir.runtime.deadletter import DeadLetters, RawMessage
from weir.runtime.errors import TooManyRejects
from weir.runtime.halt import halted
from weir.runtime.metrics import BATCH_MESSAGES, LAG, MESSAGES
from weir.runtime.telemetry import logger

REJOIN_S = 0.5
"""Seconds between losing the membership and joining again. Chosen: no hot loop while the broker is starting."""

COMMITTED_TIMEOUT_S = 30
"""Seconds the broker has for the answer about committed offsets; then the membership is given up. Chosen."""


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
        self._waiting = Waiting[RawMessage]()
        self.is_ready = False
        self.halted_by = ""
        """Why the limit of dead letters stopped the sink; empty while it works."""

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; finishes the round in hand. Raises what the thread raised."""
        work = asyncio.create_task(asyncio.to_thread(self._consume))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait({work, waiting}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        waiting.cancel()
        await work

    def _consume(self) -> None:
        while not self._stop.is_set():
            self._waiting = Waiting[RawMessage]()
            try:
                self._as_member()
            except TooManyRejects as error:
                self.halted_by = str(error)
                halted(self._settings.group, error)
                self._stop.wait()
            except (MembershipLost, KafkaException) as error:
                REJOINED.inc()
                logger().warning("membership_lost", error=str(error))
                self._stop.wait(REJOIN_S)

    def _as_member(self) -> None:
        commits = Commits()
        consumer = joined(self._settings, self._assigned, self._revoked, commits.answered)
        try:
            while not self._stop.is_set():
                self._round(consumer, commits)
        finally:
            self.is_ready = False
            consumer.close()

    def _assigned(self, consumer: Any, places: Sequence[TopicPartition]) -> None:
        self._waiting.forget((place.topic, place.partition) for place in places)
        for place in consumer.committed(list(places), timeout=COMMITTED_TIMEOUT_S):
            intent = intent_of(place.metadata, place.offset)
            if intent is not None:
                REBUILT.inc()
                self._waiting.intend((place.topic, place.partition), intent)
                logger().info(
                    "intent_found", topic=place.topic, partition=place.partition, first=intent.first, last=intent.last
                )
        self.is_ready = True

    def _revoked(self, _: Any, places: Sequence[TopicPartition]) -> None:
        self._waiting.forget((place.topic, place.partition) for place in places)

    def _round(self, consumer: Any, commits: Commits) -> None:
        for message in consumer.consume(self._settings.batch_messages_max, self._settings.flush_s):
            self._take(message)
        ranges = self._waiting.due()
        if not ranges:
            return
        commits.commit(consumer, [_intended(place, batch) for place, batch in ranges.items()], self._take)
        with Kept(consumer, self._stop, self._take) as kept:
            for place, batch in ranges.items():
                if not self._stored(place, batch, kept):
                    return
        ends = [TopicPartition(*place, batch[-1].offset + 1) for place, batch in ranges.items()]
        commits.commit(consumer, ends, self._take)
        self._count(consumer, ranges)

    def _take(self, message: Message) -> None:
        error = message.error()
        if error is None:
            self._waiting.add(_raw(message))
        elif error.fatal():
            raise MembershipLost(error.str())
        else:
            logger().warning("consume_error", error=error.str())

    def _stored(self, place: Place, batch: Sequence[RawMessage], kept: Kept) -> bool:
        """Insert one range; False when a stop was asked for while the store refused."""
        bodies: list[Body] = []
        bad: dict[int, InvalidEvent] = {}
        for message in batch:
            try:
                limit = self._settings.message_bytes_max
                bodies.append(body_of(message.offset, message.value, limit, message.timestamp_us))
            except InvalidEvent as error:
                bad[message.offset] = error
        span = Range(batch[0].offset, batch[-1].offset)
        rejected = self._inserter.insert(place, span, bodies, kept.wait)
        if rejected is None:
            return False
        self._settle(place, batch, bad | dict(rejected))
        return True

    def _settle(self, place: Place, batch: Sequence[RawMessage], bad: Mapping[int, InvalidEvent]) -> None:
        """Dead-letter what is bad, in the order of the log: a row of bad messages ends at a good one between them."""
        good = 0
        for message in batch:
            if message.offset not in bad:
                good += 1
                continue
            self._note_good(place, good)
            good = 0
            self._reject(message, bad[message.offset])
        self._note_good(place, good)

    def _note_good(self, place: Place, count: int) -> None:
        if count:
            self._dead_letters.note_good(*place, count)

    def _reject(self, message: RawMessage, error: InvalidEvent) -> None:
        """Dead-letter a message; a dead letter that is bad itself is only logged, or it would breed."""
        if message.topic == "dead-letters" and message.key == b"dead-letters/0":
            logger().error("dead_letter_unreadable", offset=message.offset, reason=error.reason)
            return
        asyncio.run_coroutine_threadsafe(
            self._inserter.until_taken(message, error, self._dead_letters), self._loop
        ).result()

    def _count(self, consumer: Any, ranges: Mapping[Place, list[RawMessage]]) -> None:
        group = self._settings.group
        for (topic, partition), batch in ranges.items():
            MESSAGES.labels(group, topic).inc(len(batch))
            BATCH_MESSAGES.labels(group).observe(len(batch))
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
            LAG.labels(group, topic, str(partition)).set(max(0, high - batch[-1].offset - 1))


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
