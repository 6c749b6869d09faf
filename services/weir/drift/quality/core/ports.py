"""Ports of the quality application: where its states are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from weir.detectors.scores.stream import StreamKey, StreamState
from weir.drift.core.checkpoint import Place


@dataclass(frozen=True, slots=True)
class Source:
    """A partition of a topic: messages of one source have an order."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Saved:
    """All states and how far each source was read: true only together."""

    states: dict[tuple[Source, StreamKey], StreamState]
    places: dict[Source, Place]


class QualityStore(Protocol):
    """Keeps states and places."""

    def load(self) -> Saved:
        """All that can be read, at a start."""
        ...

    def save(
        self,
        states: Iterable[tuple[Source, StreamState]],
        gone: Iterable[tuple[Source, StreamKey]],
        places: Iterable[tuple[Source, Place]],
    ) -> None:
        """Replace `states` and `places`, remove `gone`: all or nothing. Raises Retryable when the disk refuses."""
        ...
