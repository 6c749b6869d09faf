"""OpenAI answers as JSON values: completions, chunks, embeddings, models, errors."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from typing import Any

from weir.gateway.core.call import Call
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.errors import Refusal
from weir.gateway.core.wire import Tensors, first_number, first_text

KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""`type` of an error object, by HTTP status; api_error otherwise."""


def error_object(refusal: Refusal) -> dict[str, Any]:
    """OpenAI's error body."""
    kind = KINDS.get(refusal.http_status, "api_error")
    return {
        "error": {"message": refusal.message, "type": kind, "param": refusal.field or None, "code": refusal.error_type}
    }


def completion(call: Call, tensors: Tensors, text: str) -> dict[str, Any]:
    """A whole chat completion."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": _reason(tensors), "logprobs": None}
    return {**_head(call, "chat.completion"), "choices": [choice], "usage": usage(tensors)}


def chunk(call: Call, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
    """One piece of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}
    return {**_head(call, "chat.completion.chunk"), "choices": [choice]}


def usage_chunk(call: Call, tensors: Tensors) -> dict[str, Any]:
    """The last piece of a stream whose client asked for usage."""
    return {**_head(call, "chat.completion.chunk"), "choices": [], "usage": usage(tensors)}


def finish_reason_of(tensors: Tensors) -> str:
    """Why the model stopped."""
    return _reason(tensors)


def usage(tensors: Tensors) -> dict[str, int]:
    """Token counts as the model counted them; 0 where it did not."""
    given, made = first_number(tensors, "input_tokens") or 0, first_number(tensors, "output_tokens") or 0
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made}


def embeddings(model: str, vectors: Sequence[bytes], words: int, *, is_base64: bool) -> dict[str, Any]:
    """Embeddings in the order of their texts. words: whitespace-separated words of all texts, reported as tokens."""
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
    return {"object": "list", "data": data, "model": model, "usage": {"prompt_tokens": words, "total_tokens": words}}


def model(resolved: Resolved) -> dict[str, Any]:
    """One route as OpenAI describes a model, with its card and release beside it."""
    return {
        "id": resolved.route,
        "object": "model",
        "created": 0,
        "owned_by": "weir",
        "task": resolved.task,
        "card": dict(resolved.card),
        "release": resolved.release,
    }


def _head(call: Call, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{call.request_id}",
        "object": kind,
        "created": call.start_time_us // 1_000_000,
        "model": call.route,
    }


def _reason(tensors: Tensors) -> str:
    return first_text(tensors, "finish_reason") or "stop"
