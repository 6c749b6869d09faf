"""Ports of the quality application: where its states are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from weir.detectors.scores.stream import ScoreStream, StreamKey
from weir.drift.core.checkpoint import LogPosition


@dataclass(frozen=True, slots=True)
class Source:
    """A partition of a topic: messages of one source have an order."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Saved:
    """All states and how far each source was read: true only together."""

    states: dict[tuple[Source, StreamKey], ScoreStream]
    positions: dict[Source, LogPosition]


class QualityStore(Protocol):
    """Keeps states and positions."""

    def load(self) -> Saved:
        """All that can be read, at a start."""
        ...

    def save(
        self,
        states: Iterable[tuple[Source, ScoreStream]],
        gone: Iterable[tuple[Source, StreamKey]],
        positions: Iterable[tuple[Source, LogPosition]],
    ) -> None:
        """Replace `states` and `positions`, remove `gone`: all or nothing. Raises Retryable when the disk refuses."""
        ...
