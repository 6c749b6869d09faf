"""Storing: messages of ranges become rows or dead letters, each in its turn."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import chain

from weir.events import InvalidEvent
from weir.events.log import RawMessage, TopicPartition
from weir.lineage.sink.core.intent import Ranges
from weir.lineage.sink.core.message import Body, body_of
from weir.lineage.sink.inserter import Inserter, Wait
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.telemetry.logs import logger


class Storing:
    """Used by the sink's thread; the event loop serves the dead letters' producer."""

    def __init__(
        self, inserter: Inserter, dead_letters: DeadLetters, message_bytes_max: int, loop: asyncio.AbstractEventLoop
    ) -> None:
        """message_bytes_max: a longer message is a dead letter."""
        self._inserter = inserter
        self._dead_letters = dead_letters
        self._message_bytes_max = message_bytes_max
        self._loop = loop

    @property
    def waits_for(self) -> str:
        """The last error of what is tried again now; empty while nothing is."""
        return self._inserter.waits_for

    def store(self, ranges: Ranges, batches: Sequence[Sequence[RawMessage]], wait: Wait) -> bool:
        """Insert ranges that go together, whose messages the batches are; False when a stop was asked for while the store or the
        broker refused."""
        bodies: list[Body] = []
        bad: dict[tuple[int, int], InvalidEvent] = {}
        for message in chain.from_iterable(batches):
            try:
                bodies.append(body_of(message, self._message_bytes_max))
            except InvalidEvent as error:
                bad[message.partition, message.offset] = error
        rejected = self._inserter.insert(ranges, bodies, wait)
        if rejected is None:
            return False
        bad |= {body.place: error for body, error in rejected}
        return all(self._dead_letter_bad(batch, bad, wait) for batch in batches if batch)

    def _dead_letter_bad(
        self, batch: Sequence[RawMessage], bad: Mapping[tuple[int, int], InvalidEvent], wait: Wait
    ) -> bool:
        """Dead-letter what is bad, in the order of the log: a row of bad messages ends at a good one between them. False
        when a stop was asked for while the broker refused."""
        topic_partition, good = batch[0].topic_partition, 0
        for message in batch:
            error = bad.get((message.partition, message.offset))
            if error is None:
                good += 1
                continue
            self._note_good(topic_partition, good)
            good = 0
            if not self._dead_letter(message, error, wait):
                return False
        self._note_good(topic_partition, good)
        return True

    def _note_good(self, topic_partition: TopicPartition, count: int) -> None:
        if count:
            self._dead_letters.note_good(topic_partition, count)

    def _dead_letter(self, message: RawMessage, error: InvalidEvent, wait: Wait) -> bool:
        """Dead-letter a message; a dead letter that is bad itself is only logged, or it would breed."""
        if message.topic == "dead-letters" and message.key == b"dead-letters/0":
            logger().error("dead_letter_unreadable", offset=message.offset, reason=error.reason)
            return True
        put = self._dead_letters.put
        return self._inserter.dead_letter(
            message, lambda: asyncio.run_coroutine_threadsafe(put(message, error), self._loop), wait
        )
