"""OpenAI requests that are passed on to an OpenAI server: every field goes there as it came, or is refused by its name.

Invariant (K13): what a client sends reaches the server word for word. Changed are `model`, which is the name there, and the
bound that a policy adds; `stream_options.include_usage` is asked for in every stream, so that its event has token counts.
A field that OpenAI's API does not have is passed on where the model's endpoint lists it (`extra_fields`), one that the
server would ignore is refused where the endpoint says so (`lacks`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from weir.access.refusals import Refusal
from weir.assets.endpoint import Endpoint
from weir.assets.sampling import ALIASES, KNOWN, OUTPUT_TOKENS, canonical
from weir.gateway.core.answer_bound import bounded
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.conversation import prompt_of, read_messages
from weir.gateway.core.openai_fields import (
    TOKENS_MAX,
    Field,
    flag,
    label,
    metadata,
    neutral,
    read_fields,
    route,
    stream_options,
    whole,
    wrong,
)
from weir.gateway.core.openai_request import LABELS, body_of, labels_of
from weir.gateway.core.passed_messages import passed_messages, words_of_user

ANSWERS_MAX = 128
"""Answers of one request (`n`, `best_of`). OpenAI's limit."""

DIMENSIONS_MAX = 1_000_000
"""Bound of `dimensions` that only refuses nonsense, as for a model's."""

NOT_SENT = frozenset({"model", "stream", "stream_options"})
"""Fields that the gateway writes itself."""

NO_PARAMETERS = frozenset({*NOT_SENT, "messages", "prompt", "input", "metadata", *LABELS})
"""Fields that are not in an event's parameters: they are its texts, its labels, or say how an answer is sent."""

AS_IT_IS = Field(lambda _, value: value, "the server")

SAMPLED = ("temperature", "top_p", "presence_penalty", "frequency_penalty", "seed", "stop", "logit_bias", "logprobs")

COMMON: Mapping[str, Field] = {
    "model": Field(route, "the route"),
    **dict.fromkeys(SAMPLED, AS_IT_IS),
    "max_tokens": Field(whole(1, TOKENS_MAX), "the policy and the server"),
    "n": Field(whole(1, ANSWERS_MAX), "the server"),
    "stream": Field(flag, "the form of the answer"),
    "stream_options": Field(stream_options, "the last chunk of a stream"),
    "user": Field(label, "the server, and the root span's attribute user.id"),
}
"""Fields that chat and text completions share."""

CHAT: Mapping[str, Field] = {
    **COMMON,
    **dict.fromkeys(
        (
            "top_logprobs", "response_format", "tools", "tool_choice", "parallel_tool_calls", "functions", "function_call",
            "reasoning_effort", "verbosity", "prediction", "web_search_options", "service_tier", "store",
        ),
        AS_IT_IS,
    ),
    "messages": Field(passed_messages, "the server"),
    "max_completion_tokens": Field(whole(1, TOKENS_MAX), "the policy and the server"),
    "modalities": neutral(["text"], why="answers are texts"),
    "metadata": Field(metadata, "the server, and the root span's attributes openai.metadata.KEY"),
    "safety_identifier": Field(label, "the server, and the root span's attribute openai.safety_identifier"),
    "prompt_cache_key": Field(label, "the server, and the root span's attribute openai.prompt_cache_key"),
}  # fmt: skip
"""Every field of a chat completion that is passed on."""

COMPLETION: Mapping[str, Field] = {
    **COMMON,
    "prompt": Field(lambda name, value: _texts_or_tokens(name, value), "the server"),
    "best_of": Field(whole(1, ANSWERS_MAX), "the server"),
    "echo": AS_IT_IS,
    "suffix": AS_IT_IS,
}
"""Every field of a text completion that is passed on."""

EMBEDDINGS: Mapping[str, Field] = {
    "model": Field(route, "the route"),
    "input": Field(lambda name, value: _texts_or_tokens(name, value), "the server"),
    "dimensions": Field(whole(1, DIMENSIONS_MAX), "the server"),
    "encoding_format": AS_IT_IS,
    "user": Field(label, "the server, and the root span's attribute user.id"),
}
"""Every field of an embeddings request that is passed on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedRequest:
    """A request that is passed on."""

    path: str
    """Of the server's API, under its base URL."""
    fields: Mapping[str, Any]
    """As they came; without those that are null."""
    user_text: str
    """The user's own words."""
    labels: Mapping[str, str]
    """Attributes of the call's root span."""
    is_stream: bool = False
    include_usage: bool = False
    """Whether the client asked for the usage at the end of the stream."""

    @property
    def parameters(self) -> dict[str, Any]:
        """What a policy looks at: the parameters it can name, and fields of this server alone."""
        known = {*KNOWN, *ALIASES}
        names = [name for name in self.fields if name in known or name not in {*CHAT, *COMPLETION, *EMBEDDINGS}]
        return {canonical(name): self.fields[name] for name in names}

    def wire(self, resolved: Resolved, endpoint: Endpoint) -> bytes:
        """The body for the server. Raises Refusal naming the part of a conversation that the route's template cannot take."""
        sent = {name: value for name, value in self.fields.items() if name not in NOT_SENT}
        if resolved.prompt is not None and "messages" in sent:
            prompt = prompt_of(resolved.template, read_messages("messages", sent["messages"]))
            sent["messages"] = [{"role": "user", "content": prompt}]
        if resolved.model.task == "chat":
            sent = _bounded(resolved, endpoint, sent)
        form: dict[str, Any] = {"stream": True} if self.is_stream else {}
        if self.is_stream and "stream_options" not in (endpoint.lacks or ()):
            form["stream_options"] = {"include_usage": True}
        return orjson.dumps({"model": endpoint.model, **sent, **form})


Reader = Callable[[object, Endpoint], PassedRequest]
"""Reads a body for a server. Raises Refusal naming the field that is not passed on."""


def passed_chat(body: object, endpoint: Endpoint) -> PassedRequest:
    """A chat completion."""
    fields = _read(body, CHAT, endpoint, ("model", "messages"), "chat completions")
    limits = {fields[name] for name in (OUTPUT_TOKENS, "max_completion_tokens") if name in fields}
    if len(limits) > 1:
        expected = f"the same as max_tokens, {fields[OUTPUT_TOKENS]}, or one of them alone"
        raise wrong("max_completion_tokens", fields["max_completion_tokens"], expected)
    return _generation("/chat/completions", fields, words_of_user(fields["messages"]))


def passed_completion(body: object, endpoint: Endpoint) -> PassedRequest:
    """A text completion."""
    fields = _read(body, COMPLETION, endpoint, ("model", "prompt"), "completions")
    return _generation("/completions", fields, _words(fields["prompt"]))


def passed_embeddings(body: object, endpoint: Endpoint, texts_max: int) -> PassedRequest:
    """An embeddings request of at most texts_max texts."""
    fields = _read(body, EMBEDDINGS, endpoint, ("model", "input"), "embeddings")
    asked = fields["input"]
    if isinstance(asked, list) and not isinstance(asked[0], int) and len(asked) > texts_max:
        raise Refusal("invalid_request", f"input holds {len(asked)} texts; at most {texts_max}", field="input")
    return PassedRequest(path="/embeddings", fields=fields, user_text=_words(asked), labels=labels_of(fields))


def _generation(path: str, fields: Mapping[str, Any], user_text: str) -> PassedRequest:
    is_stream, include_usage = fields.get("stream", False), fields.get("stream_options", False)
    if include_usage and not is_stream:
        text = "stream_options.include_usage is true and stream is not; a whole answer tells its usage anyway"
        raise Refusal("invalid_request", text, field="stream_options")
    return PassedRequest(
        path=path,
        fields=fields,
        user_text=user_text,
        labels=labels_of(fields),
        is_stream=is_stream,
        include_usage=include_usage,
    )


def _read(
    body: object, table: Mapping[str, Field], endpoint: Endpoint, needed: tuple[str, ...], what: str
) -> dict[str, Any]:
    given = body_of(body, what)
    for name in endpoint.lacks or ():
        if given.get(name) is not None:
            text = f"{name} would not reach the model: its server ignores it (endpoint.lacks); leave it out"
            raise Refusal("invalid_request", text, field=name)
    extra = {name: AS_IT_IS for name in endpoint.extra_fields or () if name not in table}
    fields = read_fields(given, {**table, **extra}, what)
    for name in needed:
        if name not in fields:
            raise Refusal("invalid_request", f"{name} is missing; {what} need it", field=name)
    return fields


def _bounded(resolved: Resolved, endpoint: Endpoint, sent: Mapping[str, Any]) -> dict[str, Any]:
    """The fields with the policy's bound, where they name none, by the name that the server understands."""
    found = bounded(resolved.policy, sent)
    if OUTPUT_TOKENS not in sent and OUTPUT_TOKENS in found and OUTPUT_TOKENS in (endpoint.lacks or ()):
        found["max_completion_tokens"] = found.pop(OUTPUT_TOKENS)
    return found


def _texts_or_tokens(name: str, value: object) -> object:
    """A text, texts, token ids or lists of them, as they came."""
    items = value if isinstance(value, list) else [value]
    is_texts = all(isinstance(one, str) and one for one in items)
    is_tokens = isinstance(value, list) and (_are_tokens(items) or all(_are_tokens(one) for one in items))
    if not items or not (is_texts or is_tokens):
        raise wrong(name, value, "a non-empty text, a list of them, or lists of token ids")
    return value


def _are_tokens(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(type(one) is int and one >= 0 for one in value)


def _words(asked: object) -> str:
    """The texts of an input, a line each; empty for token ids, whose words nobody here knows."""
    items = asked if isinstance(asked, list) else [asked]
    return "\n".join(one for one in items if isinstance(one, str))
