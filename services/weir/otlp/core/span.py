"""A span of OTLP, checked: what an event can carry, or the reason why it is refused.

Law: every Span message becomes a `CheckedSpan` or one SpanRefused that names what is wrong, which value, and what was expected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from weir.events import SpanKind
from weir.events.trace_context import TraceContext, read_trace
from weir.otlp.core.cut import (
    NAME_CHARS_MAX,
    NS_PER_US,
    cut_of_event,
    cut_of_resource,
    cut_of_scope,
    cut_of_span,
    together,
)

US_PER_S = 1_000_000

TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8
"""Bytes of the ids (W3C trace context)."""

LOOKED_AT_MAX = 4_096
"""Attributes that are looked at of one span: a conversation of some 1,000 messages, flattened. Later ones are only counted."""

RESOURCE_ATTRIBUTES_MAX = 32
"""Attributes kept of a resource, on each of its spans, beside its service's name: one more is looked at. Chosen: stock resources
have about ten, and what is kept here is written once for each span."""

EVENT_ATTRIBUTES_MAX = 128
"""Attributes kept of one event: the default limit of OpenTelemetry's SDKs (OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT)."""

EVENTS_MAX = 128
"""Events and links kept of a span: the default limit of OpenTelemetry's SDKs."""

LINKS_MAX = 10
"""Links kept of a span, as of Weir's own (docs/tracing.md)."""

KINDS: Mapping[int, SpanKind] = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
"""Numbers of SpanKind; 0 and unknown ones are internal, as the specification says."""

FLAGS_MASK = 0xFF
"""The W3C trace flags among a span's flags."""

RefusedWord = Literal["ids", "time", "name", "route", "too_many", "unreadable", "not_storable"]


class SpanRefused(Exception):
    """A span that is not stored. `reason` is a label of few values; the text goes into partial_success."""

    def __init__(self, reason: RefusedWord, text: str) -> None:
        super().__init__(text)
        self.reason: RefusedWord = reason


@dataclass(frozen=True, slots=True)
class Times:
    """Which times are taken, microseconds since 1970-01-01 UTC."""

    first_us: int
    last_us: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What the spans of one scope share; read once for all of them."""

    service: str
    """`service.name` of the resource; empty where it has none."""
    scope: str
    """Name and version of the instrumentation."""
    attributes: Mapping[str, AnyValue]
    """Of the resource, but its service's name."""
    cut: Mapping[str, int]
    """What of resource and scope is not kept, by name, and how much."""


@dataclass(frozen=True, slots=True)
class SpanEvent:
    """An event of a span."""

    name: str
    time_us: int
    attributes: Mapping[str, AnyValue]
    cut: Mapping[str, int]
    """What of it is not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedSpan:
    """A span that can be stored."""

    trace: TraceContext
    """Its trace, with the span's own id as the parent of what is done under it."""
    span_id: str
    parent_span_id: str
    name: str
    kind: SpanKind
    origin: Origin
    start_us: int
    end_us: int
    is_error: bool
    status_message: str
    attributes: Mapping[str, AnyValue]
    events: tuple[SpanEvent, ...] = ()
    links: tuple[str, ...] = ()
    """traceparents."""
    events_beyond: int
    """Events after those."""
    cut: Mapping[str, int]
    """What was left out, by name, and how much: by the sender's own limits, and by ours."""

    def word(self, *names: str) -> str:
        """The first of these attributes that is a text which is not empty; else an empty text."""
        for name in names:
            value = self.attributes.get(name)
            if value is not None and value.WhichOneof("value") == "string_value" and value.string_value:
                return value.string_value
        return ""


def origin_of(resource: Resource, scope: InstrumentationScope) -> Origin:
    """What a resource and a scope say. Total."""
    return of_scope(origin_of_resource(resource), scope)


def origin_of_resource(resource: Resource) -> Origin:
    """What a resource says, for all of its scopes. Total; at most RESOURCE_ATTRIBUTES_MAX + 1 attributes are read."""
    found = attributes_of(resource.attributes, RESOURCE_ATTRIBUTES_MAX + 1)
    named = found.get("service.name", AnyValue()).string_value
    if named:
        del found["service.name"]
    kept = dict(list(found.items())[:RESOURCE_ATTRIBUTES_MAX])
    return Origin(service=named[:NAME_CHARS_MAX], scope="", attributes=kept, cut=cut_of_resource(resource, kept, named))


def of_scope(origin: Origin, scope: InstrumentationScope) -> Origin:
    """What a resource and one of its scopes say. Total."""
    named = " ".join(word for word in (scope.name, scope.version) if word)
    return replace(origin, scope=named[:NAME_CHARS_MAX], cut=together(origin.cut, cut_of_scope(scope, named)))


def checked(message: Message, origin: Origin, times: Times) -> CheckedSpan:
    """The span of a message. Raises SpanRefused."""
    trace_id = _id("trace_id", message.trace_id, TRACE_ID_BYTES)
    span_id = _id("span_id", message.span_id, SPAN_ID_BYTES)
    parent = _id("parent_span_id", message.parent_span_id, SPAN_ID_BYTES) if any(message.parent_span_id) else ""
    start_us = _time("start_time_unix_nano", message.start_time_unix_nano, times)
    end_us = _time("end_time_unix_nano", message.end_time_unix_nano, times)
    traceparent = f"00-{trace_id}-{span_id}-{message.flags & FLAGS_MASK:02x}"
    trace = read_trace(traceparent, message.trace_state)
    assert trace is not None, "both ids were checked"
    attributes, links = attributes_of(message.attributes), tuple(_links(message))
    return CheckedSpan(
        trace=trace,
        span_id=span_id,
        parent_span_id=parent,
        name=message.name[:NAME_CHARS_MAX],
        kind=KINDS.get(message.kind, "internal"),
        origin=origin,
        start_us=start_us,
        end_us=max(start_us, end_us),
        is_error=message.status.code == Status.STATUS_CODE_ERROR,
        status_message=message.status.message,
        attributes=attributes,
        events=tuple(_event(one) for one in message.events[:EVENTS_MAX]),
        events_beyond=max(0, len(message.events) - EVENTS_MAX),
        links=links,
        cut=together(origin.cut, cut_of_span(message, attributes, links, LOOKED_AT_MAX)),
    )


def attributes_of(pairs: Sequence[KeyValue], count_max: int = LOOKED_AT_MAX) -> dict[str, AnyValue]:
    """Attributes by name, of the first `count_max`; of two with one name the later one."""
    return {pair.key[:NAME_CHARS_MAX]: pair.value for pair in pairs[:count_max]}


def _event(message: Message.Event) -> SpanEvent:
    attributes = attributes_of(message.attributes, EVENT_ATTRIBUTES_MAX)
    return SpanEvent(
        message.name[:NAME_CHARS_MAX],
        message.time_unix_nano // NS_PER_US,
        attributes,
        cut_of_event(message, attributes),
    )


def _links(message: Message) -> Iterable[str]:
    for link in message.links[:LINKS_MAX]:
        if len(link.trace_id) == TRACE_ID_BYTES and len(link.span_id) == SPAN_ID_BYTES:
            yield f"00-{link.trace_id.hex()}-{link.span_id.hex()}-{link.flags & FLAGS_MASK:02x}"


def _id(name: str, value: bytes, size: int) -> str:
    if len(value) != size or not any(value):
        shown = value[:16].hex() or "empty"
        raise SpanRefused("ids", f"{name} is {shown} ({len(value)} bytes); expected {size} bytes that are not all zero")
    return value.hex()


def _time(name: str, nanoseconds: int, times: Times) -> int:
    value_us = nanoseconds // NS_PER_US
    if not times.first_us <= value_us <= times.last_us:
        text = f"{name} is {nanoseconds}; taken are {times.first_us * NS_PER_US} to {times.last_us * NS_PER_US}"
        raise SpanRefused("time", f"{text} (see WEIR_OTLP_AGE_S_MAX and WEIR_OTLP_AHEAD_S_MAX)")
    return value_us
