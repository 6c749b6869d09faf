"""The audit: what each producer epoch said it accepted, and what became of every number.

A producer numbers its events from 0 without gaps. The highest number that is stored, or that an account names, tells how
many there must be; each one below is stored, superseded, dead-lettered, shed by policy, corrupt in the spool, or missing.
A window asks for a part of that: the numbers stored in it, and the holes that end in it and that no row outside it fills.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from weir.events.log import ProducerEpoch
from weir.lineage.audit.core.ranges import NumberRange, common, merged, size, without

RANGES_SHOWN_MAX = 100
"""Missing ranges listed per source; the count is always whole. Arbitrary; any value from 10 to 1,000 would do."""

LATE_S = 60
"""Seconds after its event at which a stored row counts as late: thirty times what a trace takes."""

MARGIN_US = 3_600_000_000
"""Microseconds around a window in which rows are read too: an hour. Sequence numbers follow the order of writing, times that of
events; the two differ by about one call, so rows this close to the window are read before a number is called missing. An event
about the past is further away; it is looked for only where something is missing: `without_elsewhere`."""

TIME_MAX_US = 2**62
"""A time after every event."""


@dataclass(frozen=True, slots=True)
class Window:
    """Event times looked at, microseconds since 1970-01-01 UTC: since, included, to until, not included."""

    since_us: int = 0
    until_us: int = TIME_MAX_US

    @property
    def from_us(self) -> int:
        """Event time from which rows are read."""
        return max(0, self.since_us - MARGIN_US)

    @property
    def to_us(self) -> int:
        """Event time before which rows are read."""
        return min(TIME_MAX_US, self.until_us + MARGIN_US)

    def holds_start_of(self, boot_epoch: int) -> bool:
        """Whether the first numbers of a producer epoch, begun at `boot_epoch`, are among what is read."""
        return boot_epoch >= self.from_us


WHOLE = Window()
"""Everything that is stored."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds of one producer epoch."""

    rows: int = 0
    distinct: int = 0
    highest: int = -1
    """Of all rows that were looked at, those after the window included."""
    late: int = 0
    holes: tuple[NumberRange, ...] = ()
    """Numbers that are not stored, before a stored one of the window."""


@dataclass(frozen=True, slots=True)
class Accounted:
    """What accounts and dead letters say of one producer epoch."""

    accepted: tuple[NumberRange, ...] = ()
    """Reported in the window."""
    shed: tuple[NumberRange, ...] = ()
    corrupt: tuple[NumberRange, ...] = ()
    dead: tuple[NumberRange, ...] = ()
    superseded: tuple[NumberRange, ...] = ()
    """Their events are stored under a later number."""
    highest: int = -1
    """Highest number that shed, corrupt or dead name in the window."""


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """One (source, boot epoch). All but `duplicates` count sequence numbers."""

    source: str
    boot_epoch: int
    accepted: int
    """Numbers used."""
    stored: int
    superseded: int
    """Numbers of derived events that were sent again, and are stored, under a later number."""
    dead_lettered: int
    shed: int
    corrupt: int
    late: int
    """Rows stored more than LATE_S after their event."""
    duplicates: int
    """Rows beyond one per number in the read views."""
    next_number: int = 0
    """One more than the highest number that is stored or named."""
    missing: tuple[NumberRange, ...] = field(default=())
    """Numbers that nothing accounts for, as sorted ranges."""

    @property
    def epoch(self) -> ProducerEpoch:
        """Whose numbers these are."""
        return ProducerEpoch(self.source, self.boot_epoch)

    @property
    def missing_count(self) -> int:
        """How many numbers are missing."""
        return size(self.missing)

    def as_json(self) -> dict[str, Any]:
        """For the API."""
        return {
            "source": self.source,
            "boot_epoch": self.boot_epoch,
            "accepted": self.accepted,
            "next_number": self.next_number,
            "stored": self.stored,
            "superseded": self.superseded,
            "dead_lettered": self.dead_lettered,
            "shed": self.shed,
            "corrupt": self.corrupt,
            "late": self.late,
            "missing": self.missing_count,
            "missing_ranges": self.missing[:RANGES_SHOWN_MAX],
            "duplicates_visible": self.duplicates,
        }


COUNTED = (
    "accepted", "stored", "superseded", "dead_lettered", "shed", "corrupt", "late", "missing", "duplicates_visible",
)  # fmt: skip
"""What is summed over sources, by its name in JSON."""


def audited(
    stored: Mapping[ProducerEpoch, Stored], accounted: Mapping[ProducerEpoch, Accounted], window: Window = WHOLE
) -> list[SourceAudit]:
    """The audit of every producer epoch that left a trace in the window, sorted."""
    audits = (
        _audited(epoch, stored.get(epoch, Stored()), accounted.get(epoch, Accounted()), window)
        for epoch in sorted({*stored, *accounted})
    )
    return [audit for audit in audits if audit.accepted]


def confirmed(first: Sequence[SourceAudit], second: Sequence[SourceAudit]) -> list[SourceAudit]:
    """The second audit, keeping only the missing numbers that the first reported as well.

    Between the two the sink caught up with the log as it was at the first; a number that only the second misses was used
    since, and is on its way.
    """
    before = {audit.epoch: audit.missing for audit in first}
    return [replace(audit, missing=tuple(common(audit.missing, before.get(audit.epoch, ())))) for audit in second]


def without_elsewhere(
    audits: Sequence[SourceAudit], elsewhere: Mapping[ProducerEpoch, Sequence[NumberRange]]
) -> list[SourceAudit]:
    """The audits of a window without the numbers that are stored, or replaced, outside it: they belong to another window.

    An event about the past keeps the past's time, for example what a replay of last week's log made drift signal; its
    number lies among those of today.
    """
    left = (_without_elsewhere(audit, elsewhere.get(audit.epoch, ())) for audit in audits)
    return [audit for audit in left if audit.accepted]


def totals(sources: Sequence[SourceAudit]) -> dict[str, int]:
    """Sums over all sources."""
    rows = [source.as_json() for source in sources]
    return {name: sum(row[name] for row in rows) for name in COUNTED}


def _audited(epoch: ProducerEpoch, stored: Stored, accounted: Accounted, window: Window) -> SourceAudit:
    absent = [*stored.holes, *_unseen(epoch, stored, accounted, window)]
    left, parts = absent, []
    for ranges in (accounted.superseded, accounted.shed, accounted.corrupt, accounted.dead):
        parts.append(common(left, ranges))
        left = without(left, ranges)
    superseded, shed, corrupt, dead = map(size, parts)
    return SourceAudit(
        source=epoch.source,
        boot_epoch=epoch.boot_epoch,
        accepted=stored.distinct + size(merged(absent)),
        stored=stored.distinct,
        superseded=superseded,
        dead_lettered=dead,
        shed=shed,
        corrupt=corrupt,
        late=stored.late,
        duplicates=stored.rows - stored.distinct,
        next_number=max([stored.highest, *(one.last for one in absent)]) + 1,
        missing=tuple(left),
    )


def _without_elsewhere(audit: SourceAudit, elsewhere: Sequence[NumberRange]) -> SourceAudit:
    found = common(audit.missing, elsewhere)
    return replace(audit, accepted=audit.accepted - size(found), missing=tuple(without(audit.missing, found)))


def _unseen(epoch: ProducerEpoch, stored: Stored, accounted: Accounted, window: Window) -> list[NumberRange]:
    """The numbers after the last row that something in the window names."""
    highest = max([accounted.highest, *(one.last for one in accounted.accepted)])
    if stored.highest < 0 and not window.holds_start_of(epoch.boot_epoch):
        return merged(accounted.accepted)  # an old epoch without a row in sight: nothing else is known of it
    return [NumberRange(stored.highest + 1, highest)] if highest > stored.highest else []
