"""Reading OpenAI requests: what is understood, what is ignored, and a refusal by name for the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.gateway.core.errors import Refusal

DEPTH_MAX = 64
"""Levels of nesting of a body. Chosen: far above any chat."""

KEYS_MAX = 1_000
"""Keys and elements of a body together. Chosen."""

MESSAGES_MAX = 512
"""Messages of a conversation. Chosen."""

SAMPLING = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
)
"""Sampling parameters that are passed on."""

IGNORED = (
    "user",
    "metadata",
    "store",
    "service_tier",
    "safety_identifier",
    "prompt_cache_key",
    "verbosity",
    "reasoning_effort",
)
"""Fields without effect here; accepted, because stock clients send them."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A chat completion that can be answered."""

    model: str
    question: str
    """The last user message."""
    history: str
    """Earlier messages as `role: text` lines; empty when there are none."""
    is_stream: bool
    include_usage: bool
    sampling: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Texts to embed."""

    model: str
    texts: tuple[str, ...]
    is_base64: bool


def read_chat(body: object) -> ChatRequest:
    """A chat request. Raises Refusal naming the field that cannot be used."""
    fields = _object(body)
    known = {"model", "messages", "stream", "stream_options", "n", "response_format", *SAMPLING, *IGNORED}
    _only(fields, known, "chat completions")
    if fields.get("n", 1) != 1:
        raise _wrong("n", fields["n"], "1; ask several times instead")
    if (fields.get("response_format") or {"type": "text"}) != {"type": "text"}:
        raise _wrong("response_format", fields["response_format"], '{"type": "text"}')
    messages = _messages(fields.get("messages"))
    last = max((index for index, (role, _) in enumerate(messages) if role == "user"), default=None)
    if last is None:
        raise Refusal(
            "invalid_request", "messages holds no user message; the last one is the question", field="messages"
        )
    options = fields.get("stream_options") or {}
    if not isinstance(options, dict):
        raise _wrong("stream_options", options, "an object")
    return ChatRequest(
        model=_text(fields, "model"),
        question=messages[last][1],
        history="\n".join(f"{role}: {text}" for role, text in messages[:last]),
        is_stream=_flag(fields, "stream"),
        include_usage=bool(options.get("include_usage")),
        sampling={name: fields[name] for name in SAMPLING if fields.get(name) is not None},
    )


def read_embeddings(body: object, texts_max: int) -> EmbeddingsRequest:
    """An embeddings request. Raises Refusal naming the field that cannot be used."""
    fields = _object(body)
    _only(fields, {"model", "input", "encoding_format", "dimensions", *IGNORED}, "embeddings")
    if fields.get("dimensions") is not None:
        raise _wrong("dimensions", fields["dimensions"], "nothing; the model has one size")
    format_ = fields.get("encoding_format") or "float"
    if format_ not in ("float", "base64"):
        raise _wrong("encoding_format", format_, "float or base64")
    given = fields.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) and text for text in texts):
        raise Refusal(
            "invalid_request",
            "input must be a non-empty text or a list of them; token ids are not taken",
            field="input",
        )
    if len(texts) > texts_max:
        raise Refusal("invalid_request", f"input holds {len(texts)} texts; at most {texts_max}", field="input")
    return EmbeddingsRequest(_text(fields, "model"), tuple(texts), format_ == "base64")


def check_shape(body: object) -> None:
    """Raises Refusal for a body nested deeper or larger than any sensible one; iterative, so depth cannot hurt."""
    waiting: list[tuple[object, int]] = [(body, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        children: Sequence[object] = (
            list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        count += len(children)
        if depth > DEPTH_MAX or count > KEYS_MAX:
            raise Refusal(
                "invalid_request", f"the body is nested over {DEPTH_MAX} levels or holds over {KEYS_MAX} values"
            )
        waiting += [(child, depth + 1) for child in children if isinstance(child, dict | list)]


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise Refusal("invalid_request", f"the body is a JSON {type(body).__name__}; expected an object")
    check_shape(body)
    return body


def _only(fields: Mapping[str, object], known: set[str], what: str) -> None:
    for name, value in fields.items():
        if name not in known and value is not None:
            raise Refusal(
                "invalid_request",
                f"field {name!r} is not supported for {what}; supported: {', '.join(sorted(known))}",
                field=name,
            )


def _messages(value: object) -> list[tuple[str, str]]:
    if not isinstance(value, list) or not value:
        raise Refusal("invalid_request", "messages must be a non-empty list of {role, content}", field="messages")
    if len(value) > MESSAGES_MAX:
        raise Refusal(
            "invalid_request", f"messages holds {len(value)} entries; at most {MESSAGES_MAX}", field="messages"
        )
    return [_message(item, index) for index, item in enumerate(value)]


def _message(item: object, index: int) -> tuple[str, str]:
    role = item.get("role") if isinstance(item, dict) else None
    content = item.get("content") if isinstance(item, dict) else None
    if isinstance(content, list):
        parts = [
            part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in content
        ]
        content = "".join(parts) if all(isinstance(part, str) for part in parts) else None  # type: ignore[arg-type]  # all are text here
    if role not in ("system", "developer", "user", "assistant") or not isinstance(content, str):
        where = f"messages[{index}]"
        raise Refusal(
            "invalid_request", f"{where} must have a role (system, user, assistant) and text content", field=where
        )
    return role, content


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise _wrong(name, value, "a non-empty text")
    return value


def _flag(fields: Mapping[str, object], name: str) -> bool:
    value = fields.get(name)
    if value is not None and not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return bool(value)


def _wrong(name: str, value: object, expected: str) -> Refusal:
    return Refusal("invalid_request", f"{name} is {str(value)[:80]!r}; expected {expected}", field=name)
