"""Dead letters: a message that can never be handled is put aside with its reason, and the partition goes on.

Limits guard the other direction (`rejects`): when nearly everything is bad, the deploy is bad, and draining the topic
into `dead-letters` would only hide it. Then `TooManyRejects` stops the consumer with its offset where it was.

The invariant: a dead letter of any message can be written. Its key, value and error are cut, its time is bounded.
"""

from __future__ import annotations

import hashlib

from weir.events import DeadLettered, InvalidEvent, named_id
from weir.events.log import RawMessage, TopicPartition
from weir.events.ranges import TIME_END_US
from weir.runtime.clock import now_us
from weir.runtime.errors import TooManyRejects
from weir.runtime.identity import Numbering
from weir.runtime.kafka.culprits import Culprits
from weir.runtime.kafka.producer import EventProducer
from weir.runtime.rejects import Limits, Rejects
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import DEAD_LETTERS, REJECTED_SHARE

TOPIC = "dead-letters"

PAYLOAD_BYTES_MAX = 262_144
"""Bytes of the value kept in the dead letter; the rest is found at its topic, partition and offset. Arbitrary:
a sixteenth of the largest message a consumer decodes; any value from a long prompt (65,536) to that message would do."""

KEY_BYTES_MAX = 65_536
"""Bytes of the key kept. Chosen: our own have below 300, and a key may have as many megabytes as a message."""

ERROR_CHARS_MAX = 2_000
"""Characters of the error kept. Chosen: enough for one sentence of any library."""


class DeadLetters:
    """Writes dead letters of one consumer group and keeps count of them, by partition."""

    def __init__(
        self, producer: EventProducer, numbering: Numbering, group: str, limits: Limits, culprits: Culprits
    ) -> None:
        """limits: what stops the consumer. culprits: messages that ended earlier processes of the group."""
        self.culprits = culprits
        self._producer = producer
        self._numbering = numbering
        self._group = group
        self._limits = limits
        self._rejects: dict[TopicPartition, Rejects] = {}
        self._unsent: DeadLettered | None = None
        self._written: dict[TopicPartition, set[tuple[int, int]]] = {}

    async def put(self, message: RawMessage, error: InvalidEvent) -> None:
        """Write one dead letter. Raises TooManyRejects past the limit, Retryable when the broker does not take it."""
        # A batch that is tried again because of another message brings the same bad ones: they are written and counted.
        # With its time: a topic that was made anew has the same offsets again.
        written = (message.offset, message.timestamp_us)
        topic_partition = message.topic_partition
        if written in self._written.get(topic_partition, ()):
            return
        rejects = self._rejects.get(topic_partition, Rejects())
        if error.is_suspect:
            rejects = rejects.after_bad(self._limits)
        reason = rejects.reason_to_stop(self._limits)
        if reason and error.is_suspect:
            raise TooManyRejects(
                f"{reason} of {topic_partition} were bad, the last: {error}; fix the deploy, then restart"
            )
        await self._producer.send(TOPIC, str(topic_partition), self._number(message, error))
        self._unsent = None
        self._written.setdefault(topic_partition, set()).add(written)
        self.culprits.settle(message)
        self._note(topic_partition, rejects)
        DEAD_LETTERS.labels(self._group, message.topic, error.reason).inc()
        logger().warning(
            "dead_lettered",
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            reason=error.reason,
        )

    def note_good(self, topic_partition: TopicPartition, count: int = 1) -> None:
        """Messages of this partition were handled: the count of bad ones in a row starts again."""
        self._written.pop(topic_partition, None)
        rejects = self._rejects.get(topic_partition, Rejects())
        self._note(topic_partition, rejects.after_good(count, self._limits))

    def _note(self, topic_partition: TopicPartition, rejects: Rejects) -> None:
        self._rejects[topic_partition] = rejects
        REJECTED_SHARE.labels(self._group, topic_partition.topic, str(topic_partition.partition)).set(rejects.share)

    def _number(self, message: RawMessage, error: InvalidEvent) -> DeadLettered:
        """The dead letter, with the number it got at the first try: one more would be a hole in the audit."""
        kept = self._unsent
        if kept is None or (kept.topic, kept.partition, kept.offset) != (
            message.topic,
            message.partition,
            message.offset,
        ):
            kept = self._event(message, error)
        self._unsent = kept
        return kept

    def _event(self, message: RawMessage, error: InvalidEvent) -> DeadLettered:
        value = message.value or b""
        # A producer sets the timestamp as it likes, and an id holds 48 bits of milliseconds.
        time_us = min(max(message.timestamp_us, 0), TIME_END_US)
        name = f"{self._group} {message.topic_partition}/{message.offset}"
        event = DeadLettered(
            event_id=named_id(time_us, name),
            tenant="",
            event_time_us=now_us(),
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            consumer_group=self._group,
            reason=error.reason,
            error=error.detail[:ERROR_CHARS_MAX],
            message_key=message.key[:KEY_BYTES_MAX] if message.key is not None else None,
            payload=value[:PAYLOAD_BYTES_MAX],
            payload_bytes=len(value),
            payload_sha256=hashlib.sha256(value).hexdigest(),
        )
        return self._numbering.number(event)
