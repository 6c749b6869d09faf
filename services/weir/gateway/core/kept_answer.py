"""What is kept of an answer while it comes: its first bytes, and how many there were in all.

Law: what is kept is a prefix of what came, in whole messages, of at most `room` bytes; what came is counted, kept or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """Messages of an answer."""

    kept: tuple[bytes, ...] = ()
    """ModelInferResponse messages (unary) or ModelStreamInferResponse messages (stream), the first ones, in order."""
    size_bytes: int = 0
    """Of all messages, kept or not."""

    @property
    def is_cut(self) -> bool:
        """Whether some were not kept."""
        return self.size_bytes > sum(map(len, self.kept))


class AnswerCollector:
    """Collects an answer."""

    def __init__(self, room: int, hold: Callable[[int], bool]) -> None:
        """room: bytes that may be kept. hold: asks for so many bytes of memory; False where there is no room."""
        self._room = room
        self._hold = hold
        self._kept: list[bytes] = []
        self.size_bytes = 0
        """Of what came, kept or not."""
        self._is_full = False

    def add(self, message: bytes) -> None:
        """The next message of the answer."""
        self.size_bytes += len(message)
        if self._is_full:
            return
        if len(message) > self._room or not self._hold(len(message)):
            self._is_full = True  # a later, smaller one is not kept either: what is kept has no holes
            return
        self._room -= len(message)
        self._kept.append(message)

    def answer(self) -> KeptAnswer:
        """What was collected."""
        return KeptAnswer(tuple(self._kept), self.size_bytes)
