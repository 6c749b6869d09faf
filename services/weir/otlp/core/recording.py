"""From a span to its record: checked, mapped, encoded, or refused. And back: from payloads of the spool to messages for Kafka.

Invariant: what is acknowledged can be stored. Every event is encoded and checked before its span is, so none is lost later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

from weir.capture.accounting import Unended
from weir.capture.reading import Read
from weir.events import Event, InvalidEvent, SpansRecorded
from weir.events.codec import encode_checked
from weir.otlp.core.attributes import CUT
from weir.otlp.core.events import Numbers, events_of
from weir.otlp.core.model_call import call_of, is_recorded
from weir.otlp.core.record import SpanRecord, unpack
from weir.otlp.core.span import CheckedSpan, Origin, SpanRefused, Times, checked


@dataclass(frozen=True, slots=True)
class Rules:
    """What is taken of whom."""

    tenant: str
    may_report: Callable[[str], bool]
    """Whether the key is for a route."""
    times: Times
    text_chars_max: int
    """Characters kept of a prompt or answer."""
    message_bytes_max: int
    """What consumers decode at most."""
    is_issued: Callable[[str], bool]
    """Whether Weir's gateway gave this request id to the tenant."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A span's record, and what is counted of it."""

    record: SpanRecord
    is_call: bool
    is_cut: bool
    """Whether something of the span is not kept."""


def record_of(message: Message, origin: Origin, rules: Rules, numbers: Numbers) -> Recorded:
    """The record of a span. Raises SpanRefused, naming the span where its id can be read."""
    try:
        return _record(checked(message, origin, rules.times), rules, numbers)
    except SpanRefused as refused:
        raise SpanRefused(refused.reason, f"span {message.span_id[:8].hex() or '?'}: {refused}") from None


def _record(span: CheckedSpan, rules: Rules, numbers: Numbers) -> Recorded:
    is_ours = is_recorded(span, rules.is_issued)
    call = None if is_ours else call_of(span)
    if call is not None and not rules.may_report(call.route):
        raise SpanRefused("route", f"this key is not for route {call.route!r}")
    events = events_of(span, call, rules.tenant, numbers, text_chars_max=rules.text_chars_max, is_recorded=is_ours)
    try:
        messages = tuple((topic, key, _encoded(event, rules.message_bytes_max)) for topic, key, event in events)
    except InvalidEvent as error:
        raise SpanRefused("not_storable", str(error)) from None
    record = SpanRecord(
        source=numbers.source, boot_epoch=numbers.boot_epoch, seq=numbers.seq, trace=span.trace, messages=messages
    )
    [stored] = [one for _, _, event in events if isinstance(event, SpansRecorded) for one in event.spans]
    return Recorded(record, is_call=call is not None, is_cut=CUT in stored.attributes)


def _encoded(event: Event, bytes_max: int) -> bytes:
    body = encode_checked(event)
    if len(body) > bytes_max:
        raise InvalidEvent("oversized", f"{type(event).__name__} has {len(body)} bytes; consumers decode {bytes_max}")
    return body


class Records:
    """Implements `capture.reading.Reader` for the records of spans."""

    def read(self, payloads: Sequence[bytes]) -> list[Read]:
        """The messages of some payloads. Their spans came from a tracer, so they go to no collector again."""
        return [_read(payload) for payload in payloads]

    def end(self, unended: Unended) -> Read:
        """Never asked: nothing begins with a span's record."""
        raise AssertionError(f"{unended.opened.request_id} is open in a spool of spans, where nothing is")


def _read(payload: bytes) -> Read:
    try:
        record = unpack(payload)
    except InvalidEvent as error:
        return Read(payload, None, error=error)
    return Read(payload, record, record.messages, trace=record.trace)
