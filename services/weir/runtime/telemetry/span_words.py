"""Spans of what a service does with a message, in the words of OpenTelemetry's messaging conventions.

One message is handled in a span of its own below the span that made the message: its creation context is the parent, which
the conventions allow for messages that are handled one by one. What was caused by many messages is a child of the last
of them and links to examples of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weir.events import Span
from weir.events.trace_context import TraceContext, read_trace

LINKS = "weir.links"
"""Attribute that holds a span's links as text: traceparents, parted by spaces. In OTLP they are links."""

LINKS_MAX = 10
"""Links of one span. As many examples as a drift signal names."""

STATUS_OK, STATUS_ERROR = "ok", "error"


def process_span(
    trace: TraceContext,
    *,
    span_id: str,
    service: str,
    place: tuple[str, int, int],
    group: str,
    start_us: int,
    end_us: int,
    attributes: Mapping[str, str],
    links: Iterable[TraceContext] = (),
) -> Span:
    """The span `process {topic}` of one message. trace: of the message. place: its topic, partition and offset.

    Times in microseconds since 1970-01-01 UTC; an end before the start (a clock that went back) is taken for the start.
    """
    topic, partition, offset = place
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": str(offset),
        "messaging.consumer.group.name": group,
        **{name: value for name, value in attributes.items() if value},
        **links_attribute(links),
    }
    return Span(
        span_id=span_id,
        parent_span_id=trace.parent_span_id,
        name=f"process {topic}",
        kind="consumer",
        service=service,
        start_time_us=start_us,
        end_time_us=max(start_us, end_us),
        status=STATUS_OK,
        attributes=attributes,
    )


def links_attribute(links: Iterable[TraceContext]) -> dict[str, str]:
    """Links as an attribute, the first LINKS_MAX of them; none where there is none."""
    shown = list(dict.fromkeys(link.traceparent for link in links))[:LINKS_MAX]
    return {LINKS: " ".join(shown)} if shown else {}


def links_of(attributes: Mapping[str, str]) -> list[TraceContext]:
    """The links that an attribute holds; what is no traceparent is passed over."""
    found = [read_trace(word, "") for word in attributes.get(LINKS, "").split()]
    return [link for link in found if link is not None]
