"""Trace context in Kafka: the W3C headers `traceparent` and `tracestate` of a message, written and read.

Invariant: what a message says about its trace is what its sender was given, trace flags and tracestate included; a header
that is not valid is counted and begins a new trace (OpenTelemetry's messaging conventions: the message carries the context
of what made it, its creation context).
"""

from __future__ import annotations

from collections.abc import Iterable

from weir.events import Event
from weir.events.log import Headers
from weir.events.trace_context import SAMPLED, TraceContext, read_trace
from weir.runtime.identity import new_trace_id
from weir.runtime.telemetry.metrics import TRACES_REFUSED

PARENT, STATE = "traceparent", "tracestate"


def kafka_headers(trace: TraceContext | None) -> Headers:
    """The headers of a message that is made under `trace`; none where it is made under no span."""
    if trace is None or not trace.parent_span_id:
        return ()
    parent = (PARENT, trace.traceparent.encode())
    return (parent, (STATE, trace.state.encode())) if trace.state else (parent,)


def trace_of_message(topic: str, headers: Iterable[tuple[str, bytes | None]], event: Event) -> TraceContext | None:
    """The context that a message carries; of one from before headers, what its event says, taken for sampled.

    None for a message that belongs to no trace. topic: under which a header that is not valid is counted.
    """
    found = {PARENT: "", STATE: ""}
    for name, value in headers:
        if name in found:
            text = (value or b"").decode("ascii", "replace")
            found[name] = f"{found[name]},{text}" if found[name] else text
    if found[PARENT]:
        return read_trace(found[PARENT], found[STATE]) or _refused(topic)
    return read_trace(f"00-{event.trace_id}-{event.span_id}-{SAMPLED}", "")


def read_or_new(place: str, traceparent: str, tracestate: str) -> TraceContext:
    """The context that a caller sent, or a new trace, which is sampled.

    place: service under which one that is not valid is counted.
    """
    found = read_trace(traceparent, tracestate)
    if found is not None:
        return found
    return _refused(place) if traceparent else new_trace()


def new_trace() -> TraceContext:
    """A trace that begins here: sampled, without a parent."""
    return TraceContext(new_trace_id(), "", SAMPLED)


def _refused(place: str) -> TraceContext:
    TRACES_REFUSED.labels(place).inc()
    return new_trace()
