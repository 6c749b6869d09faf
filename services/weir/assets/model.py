"""A model: the names under which the model server runs it, and its card."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from weir.assets.checks import Finding, Name, Text, data, mapping_of, number, one_of, shown, text
from weir.assets.shapes import Asset

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
    """A model of the model server.

    unary_model: its name where one request has one answer; stream_model: its name where the answer comes in parts; at least
    one of them. input: the tensor that takes the text. dimensions: numbers of an embedding.
    """

    KIND = "model"

    task: Annotated[str, one_of("chat", "embeddings")] = "chat"
    unary_model: Name | None
    stream_model: Name | None
    input: Annotated[str, one_of("text_input", "text")] = "text_input"
    dimensions: Annotated[int, number(1, DIMENSIONS_MAX, whole=True)] | None = None
    card: Annotated[Mapping[str, Any], card] = field(default_factory=dict)
    owner: Text | None = None

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Its names on the model server."""
        return tuple(name for name in (self.unary_model, self.stream_model) if name)

    def findings(self) -> Iterator[Finding]:
        """A model must be reachable in at least one way."""
        if not self.endpoints:
            yield "spec", "names neither a unary_model nor a stream_model; at least one must name a model of the server"
