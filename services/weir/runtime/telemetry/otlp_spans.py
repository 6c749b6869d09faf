"""Spans of our events as OpenTelemetry's SDK exports them: same ids, times, attributes; links and flags in their own fields."""

from __future__ import annotations

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from weir.events import Span
from weir.events.trace_context import TraceContext
from weir.runtime.telemetry.span_words import LINKS, STATUS_ERROR, links_of

SCOPE = InstrumentationScope("weir")

KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
    "producer": SpanKind.PRODUCER,
    "internal": SpanKind.INTERNAL,
}

REMOTE = frozenset({"server", "consumer"})
"""Kinds of spans whose parent is a span of another process."""

NS_PER_US = 1_000

COUNTS = frozenset(
    {
        "gen_ai.usage.input_tokens",
        "gen_ai.usage.output_tokens",
        "http.request.resend_count",
        "http.response.status_code",
        "server.port",
    }
)
"""Attributes that are integers in OpenTelemetry; our events carry every attribute as text."""

LISTS = frozenset({"gen_ai.response.finish_reasons"})
"""Attributes that are lists of texts there."""


def readable(span: Span, trace: TraceContext, resource: Resource) -> ReadableSpan:
    """A span of `trace`. Its kind is internal where the word is none of OpenTelemetry's."""
    parent = _context(trace, span.parent_span_id, is_remote=span.kind in REMOTE) if span.parent_span_id else None
    return ReadableSpan(
        name=span.name,
        context=_context(trace, span.span_id),
        parent=parent,
        resource=resource,
        attributes={name: _value(name, text) for name, text in span.attributes.items() if name != LINKS},
        links=[Link(_context(link, link.parent_span_id, is_remote=True)) for link in links_of(span.attributes)],
        kind=KINDS.get(span.kind, SpanKind.INTERNAL),
        status=Status(StatusCode.ERROR) if span.status == STATUS_ERROR else Status(StatusCode.UNSET),
        start_time=span.start_time_us * NS_PER_US,
        end_time=span.end_time_us * NS_PER_US,
        instrumentation_scope=SCOPE,
    )


def _context(trace: TraceContext, span_id: str, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(
        trace_id=int(trace.trace_id, 16),
        span_id=int(span_id, 16),
        is_remote=is_remote,
        trace_flags=TraceFlags(int(trace.flags, 16)),
        trace_state=TraceState.from_header([trace.state]) if trace.state else TraceState(),
    )


def _value(name: str, text: str) -> str | int | list[str]:
    if name in COUNTS and text.isascii() and text.isdigit():
        return int(text)
    return [text] if name in LISTS else text
