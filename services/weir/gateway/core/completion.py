"""Records and events: what the drain makes of each spool record.

Pure: ids are derived from the request id, numbers were taken when the record was written, so reading a record twice
gives the same events twice and the store keeps one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from weir.events import (
    Context,
    Event,
    FeedbackReceived,
    InferenceCompleted,
    InferenceRequested,
    Reference,
    Span,
    SpanKind,
    SpansRecorded,
    derived_id,
    derived_span_id,
    release_digest,
)
from weir.events.loose_json import is_long, json_objects
from weir.events.ranges import TIME_END_US, TIME_MIN_US
from weir.gateway.core.answer import ModelAnswer, read_answer
from weir.gateway.core.call import Call, CallEnd, Feedback, Upstream
from weir.gateway.core.feedback_request import COMMENT_CHARS_MAX
from weir.gateway.core.openai_wire import read_passed_answer, read_passed_request
from weir.gateway.core.record import Record
from weir.gateway.core.wire import RequestFacts, read_request

CONTEXT_CHARS_MAX = 8_192
"""Characters kept of a passage. Chosen: `answer.PASSAGES_MAX` of them stay well under the message limit."""

FACT_CHARS_MAX = 256
"""Characters kept of a word that a model says about itself. Chosen: what the listeners keep of a header."""

SPANS_MAX = 64
"""Spans kept of a call. Arbitrary; any value from 16 to 128 would do: the steps of one answer are about a dozen."""

SPAN_KINDS: tuple[SpanKind, ...] = get_args(SpanKind)

SPAN_ID = re.compile("[0-9a-f]{16}")
"""A span id of W3C trace context."""

PROVIDERS: Mapping[Upstream, str] = {"oip": "triton", "openai": "openai"}
"""`gen_ai.provider.name`. OpenTelemetry calls each server that speaks OpenAI's API so, unless more is known of it."""

Addressed = tuple[str, str, Event]
"""Topic, key, event."""


def events_of(record: Record, *, text_chars_max: int) -> list[Addressed]:
    """The events of a record, each with its topic and key; none of a gap, which `accounting` reads.

    text_chars_max: characters kept of a prompt or answer.
    """
    if record.kind == "gap":
        return []
    if record.kind == "feedback":
        assert record.feedback is not None
        return [("feedback", record.feedback.request_id, _feedback(record, record.feedback))]
    assert record.call is not None
    call, is_passed = record.call, record.call.upstream == "openai"
    request = read_passed_request(record.wire) if is_passed else read_request(record.wire)
    shared = _shared(record, call, request, text_chars_max)
    if record.kind == "requested":
        requested = InferenceRequested(
            **_envelope(record, call, record.seq, derived_id(call.request_id, "requested"), call.start_time_us),
            **shared,
            deadline_ms=call.deadline_ms,
        )
        return [("inference-requests", call.request_id, requested)]
    assert record.end is not None
    read = read_passed_answer if is_passed else read_answer
    answer = read(record.responses, is_stream=call.is_stream)
    completed = _completed(record, call, record.end, request, answer, shared, text_chars_max)
    spans = _spans(record, call, record.end, completed, answer)
    return [("inference-responses", call.request_id, completed), ("spans", call.trace_id, spans)]


def _completed(
    record: Record,
    call: Call,
    end: CallEnd,
    request: RequestFacts,
    answer: ModelAnswer,
    shared: dict[str, Any],
    text_chars_max: int,
) -> InferenceCompleted:
    kept_bytes = sum(map(len, record.responses))
    contexts = _contexts(answer, call.references)
    seed = request.parameters.get("seed")
    first = end.first_token_time_us
    is_cut = max(len(answer.text), len(answer.tool_calls_json)) > text_chars_max
    return InferenceCompleted(
        **_envelope(record, call, record.seq, derived_id(call.request_id, "completed"), end.end_time_us),
        **{**shared, "references": (*call.references, *_indexes(contexts))},
        request_event_id=derived_id(call.request_id, "requested") if call.model else "",
        start_time_us=call.start_time_us,
        latency_ms=_ms_between(call.start_time_us, end.end_time_us),
        time_to_first_token_ms=None if first is None else _ms_between(call.start_time_us, first),
        outcome=end.outcome,
        status_code=end.status_code,
        http_status=end.http_status,
        error_type=end.error_type,
        error_message=end.error_message[:text_chars_max],
        output_text=answer.text[:text_chars_max],
        output_truncated=is_cut or record.response_bytes > kept_bytes,
        output_bytes=record.response_bytes,
        finish_reason=answer.finish_reason[:FACT_CHARS_MAX],
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) and is_long(seed) else None,
        contexts=contexts,
        tool_calls_json=answer.tool_calls_json if len(answer.tool_calls_json) <= text_chars_max else "[]",
    )


def _shared(record: Record, call: Call, request: RequestFacts, text_chars_max: int) -> dict[str, Any]:
    user_text = request.text if call.user_text is None else call.user_text
    is_cut, is_whole = len(request.text) > text_chars_max, len(request.parameters_json) <= text_chars_max
    return {
        "request_id": call.request_id,
        "client_request_id": (call.client_request_id or request.client_request_id)[:FACT_CHARS_MAX],
        "session_id": call.session_id,
        "protocol": call.protocol,
        "operation": call.operation,
        "route": call.route,
        "model": call.model,
        "input_text": request.text[:text_chars_max],
        "user_text": user_text[:text_chars_max],
        "input_truncated": is_cut or not is_whole or (record.wire_bytes > 0 and not record.wire),
        "input_bytes": record.wire_bytes,
        "parameters_json": request.parameters_json if is_whole else "{}",
        "references": call.references,
        "release_digest": release_digest(call.references),
    }


def _envelope(record: Record, call: Call, seq: int, event_id: str, event_time_us: int) -> dict[str, Any]:
    return {
        "event_id": event_id,
        "source": record.source,
        "boot_epoch": record.boot_epoch,
        "seq": seq,
        "tenant": call.tenant,
        "trace_id": call.trace_id,
        "span_id": call.span_id,
        "parent_span_id": call.parent_span_id,
        "event_time_us": event_time_us,
    }


def _contexts(answer: ModelAnswer, references: Sequence[Reference]) -> tuple[Context, ...]:
    datasets = [reference.name for reference in references if reference.kind == "dataset"]
    dataset = datasets[0] if len(datasets) == 1 else ""  # a model tells a digest and no name
    return tuple(
        Context(
            passage_id=passage.passage_id[:FACT_CHARS_MAX],
            dataset=dataset,
            dataset_digest=answer.corpus_digest[:FACT_CHARS_MAX],
            score=passage.score,
            text=passage.text[:CONTEXT_CHARS_MAX],
        )
        for passage in answer.passages
    )


def _indexes(contexts: Sequence[Context]) -> list[Reference]:
    """What the model says it answered from, beside what the registry says it should have."""
    found = sorted({(context.dataset, context.dataset_digest) for context in contexts})
    return [Reference(kind="index", name=name, version="", digest=digest) for name, digest in found]


def _spans(
    record: Record, call: Call, end: CallEnd, completed: InferenceCompleted, answer: ModelAnswer
) -> SpansRecorded:
    root = _root_span(call, end, completed, answer.model[:FACT_CHARS_MAX] or call.model)
    services, nodes = json_objects(end.server_timing_json), json_objects(answer.node_timings_json)
    hops = [_timed(call, item, index, call.span_id) for index, item in enumerate(services)]
    parent = hops[-1].span_id if hops else call.span_id
    inner = [_timed(call, item, index + len(hops), parent) for index, item in enumerate(nodes)]
    return SpansRecorded(
        **_envelope(record, call, record.seq + 1, derived_id(call.request_id, "spans"), end.end_time_us),
        request_id=call.request_id,
        route=call.route,
        spans=tuple([root, *hops, *inner][:SPANS_MAX]),
    )


def _root_span(call: Call, end: CallEnd, completed: InferenceCompleted, model: str) -> Span:
    attributes: Mapping[str, object] = {
        "gen_ai.operation.name": call.operation,
        "gen_ai.provider.name": PROVIDERS[call.upstream],
        "gen_ai.request.model": call.route,
        "gen_ai.response.model": model,
        "gen_ai.conversation.id": call.session_id,
        "gen_ai.response.finish_reasons": completed.finish_reason,
        "gen_ai.usage.input_tokens": completed.input_tokens,
        "gen_ai.usage.output_tokens": completed.output_tokens,
        "error.type": end.error_type,
        "weir.outcome": end.outcome,
        "weir.protocol": call.protocol,
        "weir.release": completed.release_digest,
        **call.labels,
    }
    return Span(
        span_id=call.span_id,
        parent_span_id=call.parent_span_id,
        name=f"{call.operation} {call.route}",
        kind="server",
        service="gateway",
        start_time_us=call.start_time_us,
        end_time_us=end.end_time_us,
        status="ok" if end.outcome == "ok" else "error",
        attributes={name: str(value) for name, value in attributes.items() if value not in ("", None)},
    )


def _timed(call: Call, item: Mapping[str, object], index: int, parent: str) -> Span:
    """A span that an inner service or a chain node reported about itself.

    What it left out gets a neutral value, and so does what no span can say: a time that is none, an id that is none.
    """
    name = _word(item, "name", "node")
    start_us = _time(item.get("start_us"), call.start_time_us)
    return Span(
        span_id=_id(item.get("span_id"), "") or derived_span_id(call.request_id, f"{name} {index}"),
        parent_span_id=_id(item.get("parent_span_id"), parent),
        name=name,
        kind=_kind(item),
        service=_word(item, "service", "triton"),
        start_time_us=start_us,
        end_time_us=max(start_us, _time(item.get("end_us"), start_us)),
        status="ok",
        attributes={},
    )


def _kind(item: Mapping[str, object]) -> SpanKind:
    kind = item.get("kind")
    return kind if kind in SPAN_KINDS else "internal"


def _word(item: Mapping[str, object], name: str, otherwise: str) -> str:
    value = item.get(name, otherwise)
    return value[:FACT_CHARS_MAX] if isinstance(value, str) and value else otherwise


def _id(value: object, otherwise: str) -> str:
    return value if isinstance(value, str) and SPAN_ID.fullmatch(value) else otherwise


def _time(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) and TIME_MIN_US <= value < TIME_END_US else otherwise


def _ms_between(start_us: int, end_us: int) -> float:
    """Milliseconds; 0 where a record of before monotonic durations has its end before its start."""
    return max(0, end_us - start_us) / 1_000


def _feedback(record: Record, feedback: Feedback) -> FeedbackReceived:
    return FeedbackReceived(
        event_id=feedback.event_id,
        source=record.source,
        boot_epoch=record.boot_epoch,
        seq=record.seq,
        tenant=feedback.tenant,
        event_time_us=feedback.time_us,
        request_id=feedback.request_id,
        score=feedback.score,
        label=feedback.label,
        comment=feedback.comment[:COMMENT_CHARS_MAX],
    )
