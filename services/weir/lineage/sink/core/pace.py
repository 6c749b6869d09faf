"""Pace: how long the sink gathers messages between two rounds of inserts.

An insert costs the engine nearly the same for one row as for a hundred, because it analyses the checks and the views of the
table anew each time. So the sink rests after its inserts as many times as long as they took, and inserts what came meanwhile
together. With little to do it inserts at once; with much to do its inserts are few and large.
"""

from __future__ import annotations

from dataclasses import dataclass

REST = 4.0
"""A rest is so many times as long as the inserts before it. Chosen: inserts then take at most a fifth of the time, as long as the
rest is not at its limit."""


@dataclass(slots=True)
class Pace:
    """Of one membership. `rest_max_s`: seconds of the longest rest; 0 rests never. Times are seconds of a monotonic clock."""

    rest_max_s: float
    _until_s: float | None = None
    """When the rest ends; None before the first inserts."""

    def note_inserts(self, begun_s: float, ended_s: float) -> float:
        """A round of inserts took so long. Returns the seconds of the rest that begins with its end."""
        rest_s = min(REST * (ended_s - begun_s), self.rest_max_s)
        self._until_s = ended_s + rest_s
        return rest_s

    def rests(self, now_s: float) -> bool:
        """Whether the next inserts are to wait for more messages."""
        return self._until_s is not None and now_s < self._until_s
