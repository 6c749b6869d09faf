"""Verdict: what another setting would have meant, once a person says when the change began.

An alarm before the change is a false one, the first at or after it finds the change. Both sides are judged alike, level by
level: how many events and how much time earlier the change would have been found, and how many more false alarms that costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from weir.drift.core.replay.comparison import Compared
from weir.drift.core.replay.fold import Signalled

FIRED = "fired"


@dataclass(frozen=True, slots=True)
class Judged:
    """One level of one stream. Numbers are of events and microseconds; None where a side did not find the change."""

    level: str
    found_earlier_events: int | None
    """Below zero: later."""
    found_earlier_us: int | None
    would_have_found: bool
    did_find: bool
    false_would_have: int
    false_did: int

    @property
    def more_false(self) -> int:
        """How many more false alarms there would have been; below zero: fewer."""
        return self.false_would_have - self.false_did


def judged(rows: Sequence[Compared], change_us: int) -> list[Judged]:
    """The verdict on each level that fired on either side, by level. change_us: event time of the change."""
    fired = [row for row in rows if row.state == FIRED]
    return [
        _of_level(
            level,
            [row.would_have for row in fired if row.level == level and row.would_have is not None],
            [row.did for row in fired if row.level == level and row.did is not None],
            change_us,
        )
        for level in sorted({row.level for row in fired})
    ]


def in_words(one: Judged) -> str:
    """A sentence: `page: would have fired 120 events (41.0 minutes) earlier, 2 more false alarms`."""
    return f"{one.level}: {_found(one)}, {_counted(one.more_false)}"


def _of_level(level: str, would: Iterable[Signalled], did: Iterable[Signalled], change_us: int) -> Judged:
    (false_would, found_would), (false_did, found_did) = _split(would, change_us), _split(did, change_us)
    earlier_events = earlier_us = None
    if found_would is not None and found_did is not None:
        earlier_events = found_did.at_event - found_would.at_event
        earlier_us = found_did.signal.event_time_us - found_would.signal.event_time_us
    return Judged(
        level=level,
        found_earlier_events=earlier_events,
        found_earlier_us=earlier_us,
        would_have_found=found_would is not None,
        did_find=found_did is not None,
        false_would_have=false_would,
        false_did=false_did,
    )


def _split(signalled: Iterable[Signalled], change_us: int) -> tuple[int, Signalled | None]:
    """How many came before the change, and the first that did not."""
    ordered = sorted(signalled, key=lambda one: one.at_event)
    false = [one for one in ordered if one.signal.event_time_us < change_us]
    return len(false), next((one for one in ordered if one.signal.event_time_us >= change_us), None)


def _found(one: Judged) -> str:
    if one.found_earlier_events is None or one.found_earlier_us is None:
        if one.would_have_found == one.did_find:
            return "neither found the change"
        return "would have found what was not found" if one.would_have_found else "would not have found what was found"
    if one.found_earlier_events == 0:
        return "would have fired at the same event"
    word = "earlier" if one.found_earlier_events > 0 else "later"
    return f"would have fired {abs(one.found_earlier_events)} events ({_time(abs(one.found_earlier_us))}) {word}"


def _counted(more: int) -> str:
    word = "alarm" if abs(more) == 1 else "alarms"
    return f"{abs(more)} {'fewer' if more < 0 else 'more'} false {word}"


def _time(us: int) -> str:
    for name, size_us in (("days", 86_400_000_000), ("hours", 3_600_000_000), ("minutes", 60_000_000)):
        if us >= 2 * size_us:
            return f"{us / size_us:.1f} {name}"
    return f"{us / 1_000_000:.1f} seconds"
