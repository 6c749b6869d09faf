"""Which spans are calls of a model, and what they say of the call: three conventions, one set of facts.

A span is a call when it names an operation of a model and the model asked. What is not said is None or empty, never made up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from weir.events.loose_json import carried, is_long, loose_json
from weir.events.request_id import bare_id
from weir.otlp.core.cut import NAME_CHARS_MAX
from weir.otlp.core.messages import Conversation, conversation_of
from weir.otlp.core.span import US_PER_S, CheckedSpan, SpanRefused
from weir.otlp.core.values import count_of, number_of, plain_of, word_of

OPERATIONS: Mapping[str, str] = {
    "chat": "chat",
    "generate_content": "chat",
    "text_completion": "text_completion",
    "completion": "text_completion",
    "embeddings": "embeddings",
    "embedding": "embeddings",
}
"""`gen_ai.operation.name`, or `llm.request.type` of OpenLLMetry before it -> operation of our events. Any other operation (an
agent, a tool, a retrieval) is a span and no call of a model."""

KINDS: Mapping[str, str] = {"LLM": "chat", "EMBEDDING": "embeddings"}
"""`openinference.span.kind` -> operation. An LLM span with a prompt and no messages counts as chat too: the convention has one
word for both."""

PARAMETERS: Mapping[str, str] = {
    "gen_ai.request.temperature": "temperature",
    "gen_ai.request.top_p": "top_p",
    "gen_ai.request.top_k": "top_k",
    "gen_ai.request.max_tokens": "max_tokens",
    "gen_ai.request.seed": "seed",
    "gen_ai.request.stop_sequences": "stop",
    "gen_ai.request.frequency_penalty": "frequency_penalty",
    "gen_ai.request.presence_penalty": "presence_penalty",
    "gen_ai.request.choice.count": "n",
}
"""Attributes -> OpenAI's names of sampling parameters."""

NO_PARAMETERS = frozenset({"model", "messages", "prompt", "input", "tools", "functions"})
"""Keys of OpenInference's invocation parameters that are no sampling parameters."""

INVOCATION = ("llm.invocation_parameters", "embedding.invocation_parameters")
FIRST_TOKEN = "First Token Stream Event"
"""Event of OpenInference."""

CHUNKS = ("gen_ai.content.completion.chunk", "llm.content.completion.chunk")
"""Events of OpenLLMetry, one a streamed piece."""

UNKNOWN_ERROR = "_OTHER"
"""What OpenTelemetry calls an error of no known type (`error.type`)."""

MS_PER_S, US_PER_MS = 1_000, 1_000
STATUS_OK, STATUS_UNKNOWN = 0, 2
"""gRPC status codes: what a call that failed at a provider says of itself is no gRPC status."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """The facts of a call."""

    operation: str
    route: str
    """The model that was asked, as the caller named it."""
    model: str
    """The model that answered; the one asked where the answer names none."""
    conversation: Conversation
    finish_reason: str
    input_tokens: int | None
    output_tokens: int | None
    parameters_json: str
    seed: int | None
    session_id: str
    response_id: str
    is_failed: bool
    error_type: str
    http_status: int | None
    time_to_first_token_ms: float | None


def call_of(span: CheckedSpan) -> ModelCall | None:
    """The call that a span is; None for a span that is none.

    Raises SpanRefused("name") for a model whose name is nobody's.
    """
    operation = operation_of(span)
    invoked = _invocation(span)
    asked = span.word("gen_ai.request.model") or _text(invoked.get("model"))
    answered = span.word("gen_ai.response.model", "llm.model_name", "embedding.model_name")
    route = asked or answered
    if not operation or not route:
        return None
    for name in (route, answered):
        if len(name) > NAME_CHARS_MAX:
            raise SpanRefused(
                "name", f"its model is named with {len(name)} characters; at most {NAME_CHARS_MAX} are taken"
            )
    said = conversation_of(span)
    parameters = _parameters(span, invoked)
    seed = parameters.get("seed")
    return ModelCall(
        operation=operation,
        route=route,
        model=answered or route,
        conversation=said,
        finish_reason=(_finish_reason(span) or said.finish_reason)[:NAME_CHARS_MAX],
        input_tokens=_count(span, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt"),
        output_tokens=_count(
            span, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion"
        ),
        parameters_json=json.dumps(parameters, sort_keys=True, ensure_ascii=False),
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) and is_long(seed) else None,
        session_id=span.word("gen_ai.conversation.id", "session.id")[:NAME_CHARS_MAX],
        response_id=_response_id(span)[:NAME_CHARS_MAX],
        is_failed=span.is_error,
        error_type=_error_type(span) if span.is_error else "",
        http_status=_count(span, "http.response.status_code", "http.status_code"),
        time_to_first_token_ms=_first_token_ms(span),
    )


def is_recorded(span: CheckedSpan, is_issued: Callable[[str], bool]) -> bool:
    """Whether a span is a client's view of a call that Weir's gateway recorded itself.

    is_issued: whether the gateway gave this request id to the tenant; its form alone proves nothing, for any provider may
    name its answers by UUIDs.
    """
    return bool(operation_of(span)) and is_issued(bare_id(_response_id(span)))


def operation_of(span: CheckedSpan) -> str:
    """The operation of a model that a span names; empty for none."""
    if word := span.word("gen_ai.operation.name"):
        return OPERATIONS.get(word, "")
    if word := span.word("openinference.span.kind"):
        return KINDS.get(word, "")
    return OPERATIONS.get(span.word("llm.request.type"), "")


def _invocation(span: CheckedSpan) -> Mapping[str, object]:
    for name in INVOCATION:
        found = loose_json(span.word(name))
        if isinstance(found, dict):
            return found
    return {}


def _parameters(span: CheckedSpan, invoked: Mapping[str, object]) -> dict[str, object]:
    found = {name: value for name, value in invoked.items() if name not in NO_PARAMETERS and value is not None}
    for name, short in PARAMETERS.items():
        if name in span.attributes and (value := plain_of(span.attributes[name])) is not None:
            found[short] = value
    kept = carried(found)
    return kept if isinstance(kept, dict) else {}


def _finish_reason(span: CheckedSpan) -> str:
    reasons = span.attributes.get("gen_ai.response.finish_reasons")
    found = None if reasons is None else plain_of(reasons)
    first = found[0] if isinstance(found, list) and found else found
    return _text(first) or span.word("llm.finish_reason")


def _response_id(span: CheckedSpan) -> str:
    """OpenInference has no attribute for the id of an answer; it stands in what came out, where that is JSON."""
    if said := span.word("gen_ai.response.id"):
        return said
    output = span.word("output.value")
    found = loose_json(output) if output.startswith("{") else None
    return _text(found.get("id")) if isinstance(found, dict) else ""


def _error_type(span: CheckedSpan) -> str:
    """`error.type`, else the type of the exception that the span tells."""
    types = (word_of(one.attributes.get("exception.type")) for one in span.events if one.name == "exception")
    return (span.word("error.type") or next((word for word in types if word), UNKNOWN_ERROR))[:NAME_CHARS_MAX]


def _first_token_ms(span: CheckedSpan) -> float | None:
    """From the start to the first streamed piece; None where no convention says it, or what it says is not within the call."""
    duration_us = span.end_us - span.start_us
    seconds = number_of(span.attributes.get("gen_ai.response.time_to_first_chunk"))
    if seconds is not None:  # the sender counts nanoseconds, we whole microseconds
        return min(seconds * MS_PER_S, duration_us / US_PER_MS) if 0 <= seconds * US_PER_S < duration_us + 1 else None
    streamed = [one.time_us for one in span.events if one.name == FIRST_TOKEN or one.name in CHUNKS]
    first_us = min(streamed, default=-1)
    return (first_us - span.start_us) / US_PER_MS if span.start_us <= first_us <= span.end_us else None


def _count(span: CheckedSpan, *names: str) -> int | None:
    return next((count for name in names if (count := count_of(span.attributes.get(name))) is not None), None)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
