"""Spans as events: a call of a model becomes what a call through the gateway becomes, any other span a span.

Pure: ids are derived from tenant, trace id, span id, route and times, so an export that is tried again gives the same events, and
the store keeps each once for as long as it keeps the row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weir.events import Event, InferenceCompleted, InferenceRequested, Span, SpansRecorded, derived_id, named_id
from weir.otlp.core.attributes import kept_attributes
from weir.otlp.core.model_call import STATUS_OK, STATUS_UNKNOWN, ModelCall
from weir.otlp.core.span import CheckedSpan

PROTOCOL = "otlp"
"""Way in, on the events of a call."""

US_PER_MS = 1_000

Addressed = tuple[str, str, Event]
"""Topic, key, event."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """Who numbers the events, and the number of the first."""

    source: str
    boot_epoch: int
    seq: int


def events_of(
    span: CheckedSpan,
    call: ModelCall | None,
    tenant: str,
    numbers: Numbers,
    *,
    text_chars_max: int,
    is_recorded: bool = False,
) -> list[Addressed]:
    """The events of a span in the order of their numbers, each with its topic and key.

    text_chars_max: characters kept of a prompt, an answer, an error. is_recorded: whether the gateway recorded the call that
    the span shows, and so its words.
    """
    route = "" if call is None else call.route
    cause = cause_of(span, tenant, route)
    if call is None:
        return [("spans", span.trace.trace_id, _spans(span, None, tenant, numbers, cause, has_words=not is_recorded))]
    shared = _shared(call, cause, text_chars_max)
    requested = InferenceRequested(
        **_envelope(span, tenant, numbers, 0, derived_id(cause, "requested"), span.start_us), **shared
    )
    completed = _completed(span, call, tenant, numbers, shared, text_chars_max)
    return [
        ("inference-requests", cause, requested),
        ("inference-responses", cause, completed),
        ("spans", span.trace.trace_id, _spans(span, call, tenant, numbers, cause, has_words=False)),
    ]


def cause_of(span: CheckedSpan, tenant: str, route: str) -> str:
    """The id that the events are derived from, and the request id of a call.

    What tells two spans apart: of two with the same ids and other times, each is stored; of two that differ in nothing of this,
    the later one.
    """
    times = str(span.start_us), str(span.end_us)  # the id itself has whole milliseconds
    return named_id(span.start_us, "\n".join(("otlp", tenant, span.trace.trace_id, span.span_id, route, *times)))


def _envelope(
    span: CheckedSpan, tenant: str, numbers: Numbers, index: int, event_id: str, time_us: int
) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "source": numbers.source,
        "boot_epoch": numbers.boot_epoch,
        "seq": numbers.seq + index,
        "tenant": tenant,
        "trace_id": span.trace.trace_id,
        "span_id": span.span_id,
        "parent_span_id": span.parent_span_id,
        "event_time_us": time_us,
    }


def _shared(call: ModelCall, cause: str, text_chars_max: int) -> dict[str, Any]:
    said = call.conversation
    is_whole = len(call.parameters_json) <= text_chars_max
    return {
        "request_id": cause,
        "client_request_id": call.response_id,
        "session_id": call.session_id,
        "protocol": PROTOCOL,
        "operation": call.operation,
        "route": call.route,
        "model": call.model,
        "input_text": said.input_text[:text_chars_max],
        "user_text": said.user_text[:text_chars_max],
        "input_truncated": said.is_cut or not is_whole or len(said.input_text) > text_chars_max,
        "parameters_json": call.parameters_json if is_whole else "{}",
    }


def _completed(
    span: CheckedSpan, call: ModelCall, tenant: str, numbers: Numbers, shared: dict[str, Any], text_chars_max: int
) -> InferenceCompleted:
    cause, text = shared["request_id"], call.conversation.output_text
    return InferenceCompleted(
        **_envelope(span, tenant, numbers, 1, derived_id(cause, "completed"), span.end_us),
        **shared,
        request_event_id=derived_id(cause, "requested"),
        start_time_us=span.start_us,
        latency_ms=(span.end_us - span.start_us) / US_PER_MS,
        time_to_first_token_ms=call.time_to_first_token_ms,
        outcome="failed" if call.is_failed else "ok",
        status_code=STATUS_UNKNOWN if call.is_failed else STATUS_OK,
        http_status=call.http_status,
        error_type=call.error_type,
        error_message=span.status_message[:text_chars_max] if call.is_failed else "",
        output_text=text[:text_chars_max],
        output_truncated=len(text) > text_chars_max,
        finish_reason=call.finish_reason,
        input_tokens=call.input_tokens,
        output_tokens=call.output_tokens,
        seed=call.seed,
    )


def _spans(
    span: CheckedSpan, call: ModelCall | None, tenant: str, numbers: Numbers, cause: str, *, has_words: bool
) -> SpansRecorded:
    stored = Span(
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        name=span.name,
        kind=span.kind,
        service=span.origin.service,
        start_time_us=span.start_us,
        end_time_us=span.end_us,
        status="error" if span.is_error else "ok",
        attributes=kept_attributes(span, is_call=not has_words),
    )
    index = 0 if call is None else 2
    return SpansRecorded(
        **_envelope(span, tenant, numbers, index, derived_id(cause, "spans"), span.end_us),
        request_id="" if call is None else cause,
        route="" if call is None else call.route,
        spans=(stored,),
    )
