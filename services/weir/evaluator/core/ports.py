"""What the evaluator needs from outside, by role."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weir.evaluator.core.subjects import Subject


class Memory(Protocol):
    """The calls seen last, over restarts."""

    def load(self) -> Sequence[Subject]:
        """What is kept, oldest first."""

    def save(self, subjects: Sequence[Subject]) -> None:
        """Keep more calls; returns when a kill of the process does not take them. Raises Retryable."""
