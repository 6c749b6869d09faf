"""The start of a call, the same for both doors: ids, trace context, and what the headers say."""

from __future__ import annotations

from collections.abc import Mapping

from weir.gateway.core.call import Call, Protocol
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.tracecontext import TraceContext, under
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id, new_span_id, new_trace_id

HEADER_CHARS_MAX = 256
"""Characters kept of a header that becomes part of an event. Chosen."""


def started(
    headers: Mapping[str, str], protocol: Protocol, operation: str, route: str, deadline_ms: int | None
) -> Call:
    """A call as it arrives; its tenant, model and references are filled in once it is admitted."""
    trace = trace_of(headers)
    return Call(
        request_id=new_id(),
        tenant="unknown",
        trace_id=trace.trace_id,
        span_id=trace.span_id,
        parent_span_id=trace.parent_span_id,
        start_time_us=now_us(),
        protocol=protocol,
        operation=operation,
        route=route[:HEADER_CHARS_MAX],
        session_id=headers.get("weir-session", "")[:HEADER_CHARS_MAX],
        deadline_ms=deadline_ms,
    )


def trace_of(headers: Mapping[str, str]) -> TraceContext:
    """The caller's trace context with a new span under it."""
    return under(headers.get("traceparent", ""), new_trace_id(), new_span_id())


def traceparent_of(call: Call) -> str:
    """The header that makes what follows a child of this call's span."""
    return f"00-{call.trace_id}-{call.span_id}-01"


def operation_of(resolved: Resolved) -> str:
    """`gen_ai.operation.name` of a call over the Open Inference Protocol."""
    return "embeddings" if resolved.task == "embeddings" else "text_completion"
