"""Comparison: what would have been signalled against what was.

Both sides are put on one axis, the place of the event among those that were replayed, because the service's own count
begins elsewhere when the replay begins later. A pair is of the same state and level: first those of the same event,
then, in their order, those at most `near_events` apart. Every signal is in one row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from weir.drift.core.replay.fold import Signalled
from weir.events import DriftSignalled

COMPARED = ("monitoring", "fired", "cleared")
"""States that are compared; steps of warming are left out."""


class Side(StrEnum):
    """Who signalled it."""

    BOTH = "both"
    WOULD_HAVE = "would have"
    DID = "did"


@dataclass(frozen=True, slots=True)
class Compared:
    """One change of state. A side that did not signal it is None."""

    state: str
    level: str
    would_have: Signalled | None
    did: Signalled | None

    @property
    def side(self) -> Side:
        """Who signalled it."""
        if self.would_have is not None and self.did is not None:
            return Side.BOTH
        return Side.DID if self.would_have is None else Side.WOULD_HAVE

    @property
    def at_event(self) -> int:
        """Where: the place of the earlier side."""
        return min(one.at_event for one in (self.would_have, self.did) if one is not None)


def placed(signals: Sequence[DriftSignalled], places: Mapping[str, int]) -> list[Signalled]:
    """The signals whose event was replayed, each once, in the order of their events; `places` by request id."""
    by_event = {
        (places[signal.trigger_request_id], signal.state, signal.level): signal
        for signal in signals
        if signal.trigger_request_id in places
    }
    signalled = [Signalled(place, signal) for (place, _, _), signal in by_event.items()]
    return sorted(signalled, key=lambda one: (one.at_event, one.signal.event_id))


def compared(would_have: Sequence[Signalled], did: Sequence[Signalled], near_events: int) -> list[Compared]:
    """Rows of the comparison, in the order of their events. Cost: linear in each kind of signal, after sorting."""
    rows: list[Compared] = []
    for state, level in sorted({(one.signal.state, one.signal.level) for one in (*would_have, *did)}):
        if state in COMPARED:
            would, was = _of(would_have, state, level), _of(did, state, level)
            rows += [Compared(state, level, *pair) for pair in _pairs(would, was, near_events)]
    return sorted(rows, key=lambda row: (row.at_event, row.state, row.level, row.side))


def _of(signalled: Sequence[Signalled], state: str, level: str) -> list[Signalled]:
    return sorted(
        (one for one in signalled if (one.signal.state, one.signal.level) == (state, level)),
        key=lambda one: one.at_event,
    )


def _pairs(
    would: list[Signalled], did: list[Signalled], near_events: int
) -> list[tuple[Signalled | None, Signalled | None]]:
    was_at = {one.at_event: one for one in did}
    pairs: list[tuple[Signalled | None, Signalled | None]] = [
        (one, was_at[one.at_event]) for one in would if one.at_event in was_at
    ]
    same = {one.at_event for one, _ in pairs if one is not None}
    mine = deque(one for one in would if one.at_event not in same)
    others = deque(one for one in did if one.at_event not in same)
    while mine and others:
        apart = mine[0].at_event - others[0].at_event
        if abs(apart) <= near_events:
            pairs.append((mine.popleft(), others.popleft()))
        elif apart < 0:
            pairs.append((mine.popleft(), None))
        else:
            pairs.append((None, others.popleft()))
    return [*pairs, *((one, None) for one in mine), *((None, one) for one in others)]
