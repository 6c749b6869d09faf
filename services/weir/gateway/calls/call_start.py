"""The start of a call, the same for both listeners: ids, trace context, and what the headers say."""

from __future__ import annotations

from collections.abc import Mapping

from weir.access.refusals import NAME_CHARS_MAX, Refusal
from weir.events import release_digest
from weir.events.trace_context import TraceContext, trace_headers
from weir.gateway.core.call import Call, Protocol
from weir.gateway.core.catalog import Resolved
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id, new_span_id
from weir.runtime.kafka.message_trace import read_or_new

SESSION_CHARS_MAX = 256
"""Longest session id, characters: any UUID or e-mail address fits, and it is a column of the store."""

PROMPT = "weir-prompt"
"""Header that names a prompt of the registry."""

SESSION = "weir-session"

UNKNOWN_TENANT = "unknown"
"""Tenant of calls whose caller was not authenticated."""


def start_call(
    headers: Mapping[str, str], protocol: Protocol, operation: str, route: str, deadline_ms: int | None
) -> Call:
    """A call as it arrives; tenant, session, model and references are filled in once they are checked.

    Its request id is the tenant's own (`RequestIds.new`) once the caller is known.
    """
    trace = trace_of(headers)
    return Call(
        request_id=new_id(),
        tenant=UNKNOWN_TENANT,
        trace_id=trace.trace_id,
        span_id=new_span_id(),
        parent_span_id=trace.parent_span_id,
        trace_flags=trace.flags,
        tracestate=trace.state,
        start_time_us=now_us(),
        protocol=protocol,
        operation=operation,
        route=route[:NAME_CHARS_MAX],
        deadline_ms=deadline_ms,
    )


def session_of(headers: Mapping[str, str]) -> str:
    """The conversation the client names; empty when it names none. Raises Refusal for one that would not be kept whole."""
    session = headers.get(SESSION, "")
    if len(session) > SESSION_CHARS_MAX:
        raise Refusal(
            "invalid_request",
            f"{SESSION} has {len(session)} characters; at most {SESSION_CHARS_MAX}, so that no two become one",
            field=SESSION,
        )
    return session


def trace_of(headers: Mapping[str, str]) -> TraceContext:
    """The caller's trace context, or a new trace that is sampled."""
    return read_or_new("gateway", headers.get("traceparent", ""), headers.get("tracestate", ""))


def trace_headers_of(call: Call) -> list[tuple[str, str]]:
    """The headers that make what follows a child of this call's span, sampled or not as the caller decided."""
    return trace_headers(call.trace_id, call.span_id, call.trace_flags, call.tracestate)


def reply_headers_of(call: Call) -> list[tuple[str, str]]:
    """What an answer says about its call: the request id, the release that served it once one is known, the trace."""
    release = [("weir-release", release_digest(call.references))] if call.references else []
    return [("weir-request-id", call.request_id), *release, *trace_headers_of(call)]


def operation_of(resolved: Resolved) -> str:
    """`gen_ai.operation.name` of a call over the Open Inference Protocol."""
    return "embeddings" if resolved.model.task == "embeddings" else "text_completion"
