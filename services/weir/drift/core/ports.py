"""Ports: what the drift application needs from outside, and what it tells who asks for a stream that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir.drift.core.checkpoint import Checkpoint
from weir.drift.core.signal_kinds import StreamSignal


class UnknownStream(LookupError):
    """No stream of that name is watched."""


class Checkpoints(Protocol):
    """Keeps the last checkpoint of every stream."""

    def load(self) -> list[Checkpoint]:
        """All that were saved and can be read, at a start."""
        ...

    def save(self, checkpoint: Checkpoint) -> None:
        """Replace the stream's checkpoint; all or nothing. Raises Retryable when the disk does not take it."""
        ...


class Announcer(Protocol):
    """Tells the world."""

    async def announce(self, signals: Sequence[StreamSignal]) -> None:
        """Number and deliver `signals` in order; returns when all are acknowledged."""
        ...
