"""The books: what each producer life said it accepted, and what of it is stored.

A producer numbers its events from 0 without gaps, so the highest stored number tells how many there must be, and every
number below it that is not stored is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

RANGES_SHOWN_MAX = 100
"""Missing ranges listed per source. Chosen; the count is always whole."""


@dataclass(frozen=True, slots=True)
class SourceAudit:
    """One (source, boot epoch)."""

    source: str
    boot_epoch: int
    accepted: int
    """Numbers used: the highest stored number and all below it."""
    stored: int
    """Distinct numbers stored."""
    duplicates: int
    """Rows beyond one per number in the read views."""
    missing: tuple[tuple[int, int], ...]
    """Missing numbers as (first, last) ranges, at most RANGES_SHOWN_MAX."""

    @property
    def missing_count(self) -> int:
        """How many numbers are missing."""
        return self.accepted - self.stored


def audited(
    source: str, boot_epoch: int, rows: int, distinct: int, highest: int, holes: Iterable[tuple[int, int]]
) -> SourceAudit:
    """Books of one source. holes: (number before, number after) around each gap, as neighbours in stored order."""
    missing = [(before + 1, after - 1) for before, after in holes if after - before > 1]
    return SourceAudit(source, boot_epoch, highest + 1, distinct, rows - distinct, tuple(missing[:RANGES_SHOWN_MAX]))


def totals(sources: Sequence[SourceAudit]) -> dict[str, int]:
    """Sums over all sources."""
    return {
        "accepted": sum(source.accepted for source in sources),
        "stored": sum(source.stored for source in sources),
        "missing": sum(source.missing_count for source in sources),
        "duplicates_visible": sum(source.duplicates for source in sources),
    }
