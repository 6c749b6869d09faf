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
from weir.capture.payload import demand_numbers, record_in
from weir.events import TOPICS, InvalidEvent
from weir.events.log import ProducerEpoch
from weir.events.trace_context import TraceContext, read_trace

KIND = "span"
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
    return record_in(payload, _record)


def _record(payload: bytes) -> SpanRecord:
    start = SIZES.size + SIZES.unpack_from(payload)[0]
    head = orjson.loads(payload[SIZES.size : start])
    trace = read_trace(head["traceparent"], head["tracestate"])
    epoch = ProducerEpoch(head["source"], head["boot_epoch"])
    if head["kind"] != KIND or trace is None or not 1 <= len(head["messages"]) <= MESSAGES_MAX:
        raise InvalidEvent("undecodable", f"a spool record is no {KIND} with a trace and 1 to {MESSAGES_MAX} events")
    demand_numbers(epoch.source, epoch.boot_epoch, [head["seq"]])
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
