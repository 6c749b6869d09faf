"""A model: the names under which the model server runs it, or the OpenAI server that does, and its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from weir.assets.checks import Finding, Name, Text, data, mapping_of, number, one_of, shown, text
from weir.assets.endpoint import Endpoint
from weir.assets.shapes import LEFT_OUT, Asset

CARD_KEYS = ("description", "kind", "license")
"""Texts that every card has; it may hold any other data."""

DIMENSIONS_MAX = 1_000_000
"""Numbers of an embedding, at most. Arbitrary: any value above those met (thousands) refuses nonsense."""


def card(value: object, path: str) -> Iterator[Finding]:
    """Check: a model card."""
    if not isinstance(value, dict):
        yield path, f"is {shown(value)}; expected a mapping with the keys {', '.join(CARD_KEYS)}"
        return
    for key in CARD_KEYS:
        if key in value:
            yield from text(value[key], f"{path}.{key}")
        else:
            yield path, f"lacks the key {key!r}"
    yield from mapping_of(data)({key: item for key, item in value.items() if key not in CARD_KEYS}, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model(Asset):
    """A model of the model server, or of a server that speaks OpenAI's API.

    unary_model: its name on the model server where one request has one answer; stream_model: its name where the answer comes
    in parts. input: the tensor that takes the text. endpoint: the OpenAI server, which has none of these three.
    dimensions: numbers of an embedding.
    """

    KIND = "model"

    task: Annotated[str, one_of("chat", "embeddings")] = "chat"
    unary_model: Name | None = field(metadata=LEFT_OUT)
    stream_model: Name | None = field(metadata=LEFT_OUT)
    input: Annotated[str, one_of("text_input", "text")] | None = None
    endpoint: Endpoint | None = None
    dimensions: Annotated[int, number(1, DIMENSIONS_MAX, whole=True)] | None = None
    card: Annotated[Mapping[str, Any], card] = field(default_factory=dict)
    owner: Text | None = None

    @property
    def server_names(self) -> tuple[str, ...]:
        """Its names on the model server; none of a model behind an OpenAI server."""
        return tuple(name for name in (self.unary_model, self.stream_model) if name)

    @property
    def text_tensor(self) -> str:
        """The tensor that takes the text."""
        return self.input or "text_input"

    def findings(self) -> Iterator[Finding]:
        """A model must be reachable in one way: on the model server, or at an OpenAI server."""
        if self.endpoint is None:
            if not self.server_names:
                yield (
                    "spec",
                    "names neither a unary_model nor a stream_model; at least one must name a model of the server, "
                    "or endpoint an OpenAI server",
                )
            if self.input is None:
                yield "spec", "lacks the key 'input', the tensor that takes the text: text_input or text"
            return
        for key in ("unary_model", "stream_model", "input"):
            if getattr(self, key) is not None:
                yield f"spec.{key}", "belongs to a model of the model server; a model with an endpoint has none"
        yield from self.endpoint.findings("spec.endpoint")
