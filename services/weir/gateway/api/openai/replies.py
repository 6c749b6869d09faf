"""OpenAI answers as JSON values: completions, chunks, embeddings, models, errors."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from weir.access.refusals import Refusal
from weir.gateway.core.answer import AnswerReader
from weir.gateway.core.call import Call
from weir.gateway.core.catalog import Resolved

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""`type` of an error object, by HTTP status; otherwise invalid_request_error below 500, and api_error."""

FINISH_REASONS = frozenset({"stop", "length", "content_filter", "tool_calls", "function_call"})
"""OpenAI's words for why an answer ended."""


def error_object(refusal: Refusal) -> dict[str, Any]:
    """OpenAI's error body."""
    kind = KINDS.get(refusal.http_status, "api_error" if refusal.http_status >= 500 else "invalid_request_error")
    return {
        "error": {"message": refusal.message, "type": kind, "param": refusal.field or None, "code": refusal.error_type}
    }


def whole(call: Call, answer: AnswerReader, text: str) -> dict[str, Any]:
    """A whole chat or text completion."""
    body = {"text": text} if _is_text(call) else {"message": {"role": "assistant", "content": text, "refusal": None}}
    return {**_head(call), "choices": [_choice(body, finish_reason(answer))], "usage": usage(answer)}


def first_chunk(call: Call) -> list[dict[str, Any]]:
    """What comes before the first piece of a stream: the role, for a chat."""
    return [] if _is_text(call) else [_chunk(call, {"delta": {"role": "assistant", "content": ""}})]


def piece(call: Call, text: str) -> dict[str, Any]:
    """One piece of a streamed completion."""
    return _chunk(call, {"text": text} if _is_text(call) else {"delta": {"content": text}})


def last_chunk(call: Call, answer: AnswerReader) -> dict[str, Any]:
    """The end of a stream's text, and why it ended."""
    return _chunk(call, {"text": ""} if _is_text(call) else {"delta": {}}, finish_reason(answer))


def usage_chunk(call: Call, answer: AnswerReader) -> dict[str, Any]:
    """The last piece of a stream whose client asked for usage."""
    return {**_head(call, is_chunk=True), "choices": [], "usage": usage(answer)}


def finish_reason(answer: AnswerReader) -> str | None:
    """Why the model stopped, in OpenAI's words; None where it did not say, or said what OpenAI has no word for."""
    return answer.finish_reason if answer.finish_reason in FINISH_REASONS else None


def usage(answer: AnswerReader) -> dict[str, int] | None:
    """Token counts as the model counted them; None where it did not."""
    given, made = answer.input_tokens, answer.output_tokens
    if given is None or made is None:
        return None
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def embeddings(model: str, vectors: Sequence[bytes], *, is_base64: bool) -> dict[str, Any]:
    """Embeddings in the order of their texts; usage is null, because the model counts no tokens."""
    data = [
        {
            "object": "embedding",
            "index": index,
            "embedding": base64.b64encode(vector).decode()
            if is_base64
            else struct.unpack(f"<{len(vector) // 4}f", vector),
        }
        for index, vector in enumerate(vectors)
    ]
    return {"object": "list", "data": data, "model": model, "usage": None}


def model(resolved: Resolved) -> dict[str, Any]:
    """One route as OpenAI describes a model, with its card and release beside it."""
    return {
        "id": resolved.route,
        "object": "model",
        "created": 0,
        "owned_by": "weir",
        "task": resolved.model.task,
        "card": dict(resolved.model.card),
        "release": resolved.release,
    }


def _chunk(call: Call, body: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {**_head(call, is_chunk=True), "choices": [_choice(body, reason)]}


def _choice(body: dict[str, Any], reason: str | None) -> dict[str, Any]:
    return {"index": 0, **body, "finish_reason": reason, "logprobs": None}


def _head(call: Call, *, is_chunk: bool = False) -> dict[str, Any]:
    kind = "text_completion" if _is_text(call) else "chat.completion.chunk" if is_chunk else "chat.completion"
    return {
        "id": f"{'cmpl' if _is_text(call) else 'chatcmpl'}-{call.request_id}",
        "object": kind,
        "created": call.start_time_us // 1_000_000,
        "model": call.route,
    }


def _is_text(call: Call) -> bool:
    return call.operation == "text_completion"
