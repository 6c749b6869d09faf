"""Records of the spool: the events of one span, encoded and numbered, in a frame (`weir.capture.frames`).

The payload is a JSON head and the Avro bodies. What is in the spool is checked already: an acknowledged span can be stored.

Invariant: whatever a payload holds, it is a record or one InvalidEvent.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

import orjson

from weir.capture.frames import SIZES, framed
from weir.capture.gap import Gap
from weir.events import TOPICS, InvalidEvent
from weir.events.log import ProducerEpoch
from weir.events.ranges import COUNT_MAX, TIME_END_US
from weir.events.trace_context import TraceContext, read_trace

KIND = "span"
SOURCE_CHARS_MAX = 200
"""Longest name of a source. Chosen: a service and an instance, as `lineage.audit.core.numbered` believes it."""

MESSAGES_MAX = 3
"""Events of one span at most: those of a call."""

Message = tuple[str, str, bytes]
"""Topic, key, Avro body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRecord:
    """The events of one span. Implements `capture.accounting.Numbered`: nothing begins or ends with it, and it tells no gap."""

    source: str
    boot_epoch: int
    seq: int
    trace: TraceContext
    messages: tuple[Message, ...]

    @property
    def numbers_taken(self) -> int:
        """One number an event."""
        return len(self.messages)

    @property
    def gap(self) -> Gap | None:
        """None: a span that finds no room is not acknowledged, and takes no number."""
        return None

    @property
    def begun(self) -> None:
        """Nothing: a span has ended when it comes."""
        return

    @property
    def ended(self) -> str:
        """Nothing."""
        return ""

    def without_call(self) -> SpanRecord:
        """Itself."""
        return self


def pack(record: SpanRecord, mark: str) -> bytes:
    """Framed bytes of a record. mark: of the segments it goes to."""
    head = {
        "mark": mark,
        "kind": KIND,
        "source": record.source,
        "boot_epoch": record.boot_epoch,
        "seq": record.seq,
        "traceparent": record.trace.traceparent,
        "tracestate": record.trace.state,
        "messages": [[topic, key, len(body)] for topic, key, body in record.messages],
    }
    return framed(orjson.dumps(head), tuple(body for _, _, body in record.messages))


def unpack(payload: bytes) -> SpanRecord:
    """The record in a payload whose checksum was right. Raises InvalidEvent("undecodable") for any other bytes."""
    try:
        return _record(payload)
    except InvalidEvent:
        raise
    except Exception as error:  # noqa: BLE001  # a payload of another shape can raise anything, and all of it means the same
        said = f"{len(payload)} bytes of the spool are no record: {type(error).__name__}"
        raise InvalidEvent("undecodable", said) from None


def _record(payload: bytes) -> SpanRecord:
    start = SIZES.size + SIZES.unpack_from(payload)[0]
    head = orjson.loads(payload[SIZES.size : start])
    trace = read_trace(head["traceparent"], head["tracestate"])
    epoch = ProducerEpoch(head["source"], head["boot_epoch"])
    if head["kind"] != KIND or trace is None or not 1 <= len(head["messages"]) <= MESSAGES_MAX:
        raise InvalidEvent("undecodable", f"a spool record is no {KIND} with a trace and 1 to {MESSAGES_MAX} events")
    _demand_numbers(epoch, head["seq"])
    messages = []
    for topic, key, size in head["messages"]:
        if topic not in TOPICS or not isinstance(key, str) or size < 0:
            raise InvalidEvent("undecodable", f"a spool record names no topic of ours: {json.dumps(topic)[:100]}")
        messages.append((topic, key, payload[start : start + size]))
        start += size
    if start != len(payload):
        raise InvalidEvent("undecodable", f"the events of a spool record end at byte {start} of {len(payload)}")
    return SpanRecord(
        source=epoch.source, boot_epoch=epoch.boot_epoch, seq=head["seq"], trace=trace, messages=tuple(messages)
    )


def _demand_numbers(epoch: ProducerEpoch, seq: object) -> None:
    """Raises InvalidEvent unless the ledger can count the record."""
    if not isinstance(epoch.source, str) or len(epoch.source) > SOURCE_CHARS_MAX:
        raise InvalidEvent("undecodable", f"a spool record has no source of at most {SOURCE_CHARS_MAX} characters")
    if type(seq) is not int or not 0 <= seq <= COUNT_MAX:
        raise InvalidEvent("undecodable", f"a spool record's number is not 0 to {COUNT_MAX}")
    if type(epoch.boot_epoch) is not int or not 0 <= epoch.boot_epoch < TIME_END_US:
        raise InvalidEvent("undecodable", f"a spool record's boot epoch is not 0 to {TIME_END_US - 1}")
