"""The books: what each producer life said it accepted, and what became of every number.

A producer numbers its events from 0 without gaps. The highest number that is stored, or that an account names, tells how
many there must be; each one below is stored, dead-lettered, shed by policy, corrupt in the spool, or missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.lineage.core.ranges import Span, common, merged, size, without

RANGES_SHOWN_MAX = 100
"""Missing ranges listed per source. Chosen; the count is always whole."""

LifeKey = tuple[str, int]
"""Source and boot epoch."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What the store holds of one life."""

    rows: int = 0
    distinct: int = 0
    highest: int = -1
    late: int = 0
    holes: tuple[Span, ...] = ()
    """Numbers below the highest that are not stored."""


@dataclass(frozen=True, slots=True)
class Accounted:
    """What accounts and dead letters say of one life."""

    accepted: tuple[Span, ...] = ()
    shed: tuple[Span, ...] = ()
    corrupt: tuple[Span, ...] = ()
    dead: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """One (source, boot epoch). All but `duplicates` count sequence numbers."""

    source: str
    boot_epoch: int
    accepted: int
    """Numbers used."""
    stored: int
    dead_lettered: int
    shed: int
    corrupt: int
    late: int
    """Rows stored more than LATE_S after their event."""
    duplicates: int
    """Rows beyond one per number in the read views."""
    missing: tuple[Span, ...] = field(default=())
    """Numbers that nothing accounts for, as sorted ranges."""

    @property
    def missing_count(self) -> int:
        """How many numbers are missing."""
        return size(self.missing)

    def as_json(self) -> dict[str, object]:
        """For the API."""
        return {
            "source": self.source,
            "boot_epoch": self.boot_epoch,
            "accepted": self.accepted,
            "stored": self.stored,
            "dead_lettered": self.dead_lettered,
            "shed": self.shed,
            "corrupt": self.corrupt,
            "late": self.late,
            "missing": self.missing_count,
            "missing_ranges": self.missing[:RANGES_SHOWN_MAX],
            "duplicates_visible": self.duplicates,
        }


def audited(stored: Mapping[LifeKey, Stored], accounted: Mapping[LifeKey, Accounted]) -> list[SourceAudit]:
    """Books of every life that left a trace, sorted."""
    return [
        _audited(key, stored.get(key, Stored()), accounted.get(key, Accounted()))
        for key in sorted({*stored, *accounted})
    ]


def confirmed(first: Sequence[SourceAudit], second: Sequence[SourceAudit]) -> list[SourceAudit]:
    """The second books, with only those numbers missing that the first missed too.

    Between the two the sink caught up with the log as it was at the first; a number that only the second misses was used
    since, and is on its way.
    """
    before = {(book.source, book.boot_epoch): book.missing for book in first}
    return [
        replace(book, missing=tuple(common(book.missing, before.get((book.source, book.boot_epoch), ()))))
        for book in second
    ]


def totals(sources: Sequence[SourceAudit]) -> dict[str, int]:
    """Sums over all sources."""
    return {
        "accepted": sum(source.accepted for source in sources),
        "stored": sum(source.stored for source in sources),
        "dead_lettered": sum(source.dead_lettered for source in sources),
        "shed": sum(source.shed for source in sources),
        "corrupt": sum(source.corrupt for source in sources),
        "late": sum(source.late for source in sources),
        "missing": sum(source.missing_count for source in sources),
        "duplicates_visible": sum(source.duplicates for source in sources),
    }


def _audited(key: LifeKey, stored: Stored, accounted: Accounted) -> SourceAudit:
    named = (*accounted.accepted, *accounted.shed, *accounted.corrupt, *accounted.dead)
    highest = max([stored.highest, *(last for _, last in named)])
    absent = [*stored.holes, (stored.highest + 1, highest)] if highest > stored.highest else list(stored.holes)
    shed, corrupt, dead = (common(absent, spans) for spans in (accounted.shed, accounted.corrupt, accounted.dead))
    return SourceAudit(
        source=key[0],
        boot_epoch=key[1],
        accepted=highest + 1,
        stored=stored.distinct,
        dead_lettered=size(dead),
        shed=size(shed),
        corrupt=size(corrupt),
        late=stored.late,
        duplicates=stored.rows - stored.distinct,
        missing=tuple(without(absent, merged([*shed, *corrupt, *dead]))),
    )
