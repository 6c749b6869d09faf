"""Ports of the quality application: where its states are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from weir.detectors.scores.stream import ScoreStream, StreamKey
from weir.drift.core.checkpoint import LogPosition
from weir.events.log import TopicPartition


@dataclass(frozen=True, slots=True)
class Saved:
    """All states and how far each partition was read: true only together."""

    states: dict[tuple[TopicPartition, StreamKey], ScoreStream]
    positions: dict[TopicPartition, LogPosition]


class QualityStore(Protocol):
    """Keeps states and positions."""

    def load(self) -> Saved:
        """All that can be read, at a start."""
        ...

    def save(
        self,
        states: Iterable[tuple[TopicPartition, ScoreStream]],
        gone: Iterable[tuple[TopicPartition, StreamKey]],
        positions: Iterable[tuple[TopicPartition, LogPosition]],
    ) -> None:
        """Replace `states` and `positions`, remove `gone`: all or nothing. Raises Retryable when the disk refuses."""
        ...
