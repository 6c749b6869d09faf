"""Reading OpenAI requests: each field has a reader and a consumer, the rest is refused by name (`openai_fields`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.access.refusals import Refusal
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.conversation import MESSAGES_MAX, Message, prompt_of, question_of, read_messages
from weir.gateway.core.openai_fields import (
    SEED_MAX,
    TOKENS_MAX,
    Field,
    flag,
    label,
    metadata,
    neutral,
    number,
    read_fields,
    route,
    stops,
    stream_options,
    whole,
    wrong,
)

DEPTH_MAX = 64
"""Levels of nesting of a body: a chat with content parts has five."""

VALUES_MAX = MESSAGES_MAX * 32
"""Keys and elements of a body together: room for MESSAGES_MAX messages of nine text parts each."""

SAMPLING: Mapping[str, Field] = {
    "temperature": Field(number(0, 2), "the model, by sampling_parameters or an input of that name"),
    "top_p": Field(number(0, 1), "the model"),
    "max_tokens": Field(whole(1, TOKENS_MAX), "the model"),
    "seed": Field(whole(-SEED_MAX - 1, SEED_MAX), "the model, and the event's seed"),
    "stop": Field(stops, "the model"),
    "presence_penalty": Field(number(-2, 2), "the model"),
    "frequency_penalty": Field(number(-2, 2), "the model"),
}
"""Sampling parameters; all of them are in the event's parameters_json, too."""

LABELS: Mapping[str, str] = {
    "user": "user.id",
    "safety_identifier": "openai.safety_identifier",
    "prompt_cache_key": "openai.prompt_cache_key",
}
"""Fields that label a call -> attribute of its root span."""

COMMON: Mapping[str, Field] = {
    "model": Field(route, "the route"),
    **SAMPLING,
    "stream": Field(flag, "the form of the answer"),
    "stream_options": Field(stream_options, "the last chunk of a stream"),
    "n": neutral(1, why="there is one answer; ask several times"),
    "logit_bias": neutral({}, why="tokens cannot be weighted"),
    "user": Field(label, "the root span's attribute user.id"),
}
"""Fields that chat and text completions share."""

CHAT: Mapping[str, Field] = {
    **COMMON,
    "messages": Field(read_messages, "the prompt"),
    "max_completion_tokens": Field(whole(1, TOKENS_MAX), "the model, as max_tokens"),
    "metadata": Field(metadata, "the root span's attributes openai.metadata.KEY"),
    "safety_identifier": Field(label, "the root span's attribute openai.safety_identifier"),
    "prompt_cache_key": Field(label, "the root span's attribute openai.prompt_cache_key"),
    "response_format": neutral({"type": "text"}, why="the model writes text"),
    "modalities": neutral(["text"], why="the model writes text"),
    "logprobs": neutral(False, why="probabilities are not told"),
    "top_logprobs": neutral(0, why="probabilities are not told"),
    "tools": neutral([], why="no tool is called"),
    "tool_choice": neutral("none", "auto", why="no tool is called"),
    "parallel_tool_calls": neutral(True, False, why="no tool is called"),
    "functions": neutral([], why="no function is called"),
    "function_call": neutral("none", "auto", why="no function is called"),
    "store": neutral(False, why="answers are kept as events, not for retrieval here"),
    "service_tier": neutral("auto", "default", why="there is one tier"),
    "verbosity": neutral("medium", why="the length of an answer is not steered"),
    "reasoning_effort": neutral("none", why="the model does not reason apart from its answer"),
}
"""Every field of a chat completion that is accepted."""

COMPLETION: Mapping[str, Field] = {
    **COMMON,
    "prompt": Field(lambda name, value: _prompt(name, value), "the prompt, as it is"),
    "best_of": neutral(1, why="there is one answer"),
    "echo": neutral(False, why="the prompt is not repeated"),
    "suffix": neutral("", why="text is not filled in"),
}
"""Every field of a text completion that is accepted."""

EMBEDDINGS: Mapping[str, Field] = {
    "model": Field(route, "the route"),
    "input": Field(lambda name, value: _texts(name, value), "the model"),
    "encoding_format": Field(lambda name, value: _format(name, value), "the form of the vectors"),
    "user": Field(label, "the root span's attribute user.id"),
}
"""Every field of an embeddings request that is accepted. `dimensions` is refused: the model has one size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What chat and text completions share."""

    model: str
    is_stream: bool
    include_usage: bool
    sampling: Mapping[str, Any]
    labels: Mapping[str, str]
    """Attributes of the call's root span."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest(Options):
    """A chat completion that can be answered."""

    messages: Sequence[Message]
    """At least one; the last one is the user's."""

    @property
    def question(self) -> str:
        """The user's own words now."""
        return self.messages[-1].text

    def prompt_in(self, resolved: Resolved) -> str:
        """The prompt with every message in it. Raises Refusal naming the message that the route's template does not take."""
        return prompt_of(resolved.template, self.messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionRequest(Options):
    """A text completion that can be answered. The client brings its own prompt."""

    prompt: str

    @property
    def question(self) -> str:
        """The user's own words: the prompt."""
        return self.prompt

    def prompt_in(self, _: Resolved) -> str:
        """The prompt as it was sent."""
        return self.prompt


@dataclass(frozen=True, slots=True)
class EmbeddingsRequest:
    """Texts to embed."""

    model: str
    texts: tuple[str, ...]
    is_base64: bool
    labels: Mapping[str, str]


def read_chat(body: object) -> ChatRequest:
    """A chat request. Raises Refusal naming the field that cannot be used."""
    fields = _read(body, CHAT, ("model", "messages"), "chat completions")
    question_of(fields["messages"])
    return ChatRequest(messages=fields["messages"], **_options(fields))


def read_completion(body: object) -> CompletionRequest:
    """A text completion. Raises Refusal naming the field that cannot be used."""
    fields = _read(body, COMPLETION, ("model", "prompt"), "completions")
    return CompletionRequest(prompt=fields["prompt"], **_options(fields))


def read_embeddings(body: object, texts_max: int) -> EmbeddingsRequest:
    """An embeddings request. Raises Refusal naming the field that cannot be used."""
    fields = _read(body, EMBEDDINGS, ("model", "input"), "embeddings")
    texts = fields["input"]
    if len(texts) > texts_max:
        raise Refusal("invalid_request", f"input holds {len(texts)} texts; at most {texts_max}", field="input")
    return EmbeddingsRequest(fields["model"], texts, fields.get("encoding_format") == "base64", labels_of(fields))


def check_shape(body: object) -> None:
    """Raises Refusal for a body nested deeper or larger than any sensible one; iterative, so depth cannot hurt.

    `body_values` refused before what may hold twice as many values; this counts them.
    """
    waiting: list[tuple[object, int]] = [(body, 1)]
    count = 0
    while waiting:
        value, depth = waiting.pop()
        children: Sequence[object] = (
            list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else ()
        )
        count += len(children)
        if depth > DEPTH_MAX or count > VALUES_MAX:
            raise Refusal(
                "invalid_request", f"the body is nested over {DEPTH_MAX} levels or holds over {VALUES_MAX} values"
            )
        waiting += [(child, depth + 1) for child in children if isinstance(child, dict | list)]


def body_of(body: object, what: str) -> dict[str, Any]:
    """The fields of a body. Raises Refusal for what is no object of a sensible shape."""
    if not isinstance(body, dict):
        raise Refusal("invalid_request", f"the body is a JSON {type(body).__name__}; {what} need an object")
    check_shape(body)
    return body


def route_of(body: object, what: str) -> str:
    """The route that a body names. Raises Refusal."""
    asked = body_of(body, what).get("model")
    if asked is None:
        raise Refusal("invalid_request", f"model is missing; {what} need it", field="model")
    return str(route("model", asked))


def asks_for_stream(body: object) -> bool:
    """Whether a body asks for the answer in pieces; a value that cannot be read is refused later."""
    return isinstance(body, dict) and body.get("stream") is True


def labels_of(fields: Mapping[str, Any]) -> dict[str, str]:
    """Attributes of the call's root span."""
    found = {attribute: fields[name] for name, attribute in LABELS.items() if name in fields}
    return found | {f"openai.metadata.{key}": value for key, value in fields.get("metadata", {}).items()}


def _read(body: object, table: Mapping[str, Field], needed: Sequence[str], what: str) -> dict[str, Any]:
    fields = read_fields(body_of(body, what), table, what)
    for name in needed:
        if name not in fields:
            raise Refusal("invalid_request", f"{name} is missing; {what} need it", field=name)
    return fields


def _options(fields: Mapping[str, Any]) -> dict[str, Any]:
    is_stream, include_usage = fields.get("stream", False), fields.get("stream_options", False)
    if include_usage and not is_stream:
        raise Refusal(
            "invalid_request",
            "stream_options.include_usage is true and stream is not; a whole answer tells its usage anyway",
            field="stream_options",
        )
    return {
        "model": fields["model"],
        "is_stream": is_stream,
        "include_usage": include_usage,
        "sampling": _sampling(fields),
        "labels": labels_of(fields),
    }


def _sampling(fields: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: fields[name] for name in SAMPLING if name in fields}
    limit = fields.get("max_completion_tokens")
    if limit is not None and found.setdefault("max_tokens", limit) != limit:
        raise wrong(
            "max_completion_tokens", limit, f"the same as max_tokens, {found['max_tokens']}, or one of them alone"
        )
    return found


def _prompt(name: str, value: object) -> str:
    one = value[0] if isinstance(value, list) and len(value) == 1 else value
    if isinstance(one, list) and len(one) > 1 and all(isinstance(item, str) for item in one):
        raise wrong(name, value, "one text; several prompts are not answered together, ask once for each")
    if not isinstance(one, str) or not one:
        raise wrong(name, value, "a non-empty text, or a list of one; token ids are not taken")
    return one


def _texts(name: str, value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or not all(isinstance(one, str) and one for one in texts):
        raise wrong(name, value, "a non-empty text or a list of them; token ids are not taken")
    return tuple(texts)


def _format(name: str, value: object) -> str:
    if value not in ("float", "base64"):
        raise wrong(name, value, "float or base64")
    return str(value)
