"""Dead letters: a message that can never be handled is put aside with its reason, and the partition goes on.

A limit guards the other direction: when everything is bad, the deploy is bad, and draining the topic into
`dead-letters` would only hide it. Then `TooManyRejects` stops the consumer with its offset where it was.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from weir.events import DeadLettered, InvalidEvent, named_id
from weir.runtime.clock import now_us
from weir.runtime.errors import TooManyRejects
from weir.runtime.identity import Numbering
from weir.runtime.metrics import DEAD_LETTERS
from weir.runtime.producer import EventProducer
from weir.runtime.telemetry import logger

TOPIC = "dead-letters"

PAYLOAD_BYTES_MAX = 262_144
"""Bytes of the value kept in the dead letter; the rest is found at its topic, partition and offset. Chosen."""


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as the broker holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_us: int


class DeadLetters:
    """Writes dead letters of one consumer group and keeps count of how many came in a row."""

    def __init__(self, producer: EventProducer, numbering: Numbering, group: str, in_a_row_max: int) -> None:
        """in_a_row_max: dead letters without a good message between them, per partition, before the consumer stops."""
        self._producer = producer
        self._numbering = numbering
        self._group = group
        self._in_a_row_max = in_a_row_max
        self._in_a_row: dict[tuple[str, int], int] = {}

    async def put(self, message: RawMessage, error: InvalidEvent) -> None:
        """Write one dead letter. Raises TooManyRejects past the limit, Retryable when the broker does not take it."""
        place = (message.topic, message.partition)
        count = self._in_a_row.get(place, 0) + 1
        if count > self._in_a_row_max:
            where = f"{message.topic}/{message.partition}"
            raise TooManyRejects(
                f"{self._in_a_row_max} messages of {where} in a row were bad, the last: {error}; fix the deploy"
            )
        await self._producer.send(TOPIC, f"{message.topic}/{message.partition}", self._event(message, error))
        self._in_a_row[place] = count
        DEAD_LETTERS.labels(self._group, message.topic, error.reason).inc()
        logger().warning(
            "dead_lettered",
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            reason=error.reason,
        )

    def note_good(self, topic: str, partition: int) -> None:
        """A message of this partition was handled: the count of bad ones in a row starts again."""
        self._in_a_row.pop((topic, partition), None)

    def _event(self, message: RawMessage, error: InvalidEvent) -> DeadLettered:
        value = message.value or b""
        name = f"{self._group} {message.topic}/{message.partition}/{message.offset}"
        return DeadLettered(
            event_id=named_id(max(message.timestamp_us, 0), name),
            source=self._numbering.source,
            boot_epoch=self._numbering.boot_epoch,
            seq=self._numbering.take(),
            tenant="",
            trace_id="",
            span_id="",
            parent_span_id="",
            event_time_us=now_us(),
            topic=message.topic,
            partition=message.partition,
            offset=message.offset,
            consumer_group=self._group,
            reason=error.reason,
            error=error.detail,
            message_key=message.key,
            payload=value[:PAYLOAD_BYTES_MAX],
            payload_bytes=len(value),
            payload_sha256=hashlib.sha256(value).hexdigest(),
        )
