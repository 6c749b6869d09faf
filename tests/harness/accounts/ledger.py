"""The ledger: acknowledged = stored + dead-lettered + shed and recorded, or something is lost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One fault and what became of the events that were acknowledged while it lasted."""

    fault: str
    times: int
    """How often it was injected."""
    acknowledged: int
    """Events: three for a call (request, response, spans), one for a message of the direct load."""
    stored: int
    dead_lettered: int = 0
    shed: int = 0
    """Events whose numbers a gap record names."""
    corrupt: int = 0
    """Events whose spool record was damaged on the disk, quarantined and named."""
    duplicates: int = 0
    """Rows beyond one per event in the read views."""
    recovery_s: float = 0.0
    """Seconds from the end of the last fault until everything was stored."""
    note: str = ""
    problem: str = ""
    """What else was promised for this fault and did not hold; empty when all of it did."""

    @property
    def lost(self) -> int:
        """Events that nothing accounts for; below zero when more are stored than were acknowledged."""
        return self.acknowledged - self.stored - self.dead_lettered - self.shed - self.corrupt

    @property
    def is_clean(self) -> bool:
        """Whether the promise held: something was acknowledged, nothing is lost, nothing is there twice."""
        return self.acknowledged > 0 and self.lost == 0 and self.duplicates == 0 and not self.problem

    def as_json(self) -> dict[str, object]:
        """For the results file."""
        return {**asdict(self), "lost": self.lost, "is_clean": self.is_clean}


def total(rows: Sequence[Row]) -> Row:
    """Sums over all rows; the longest recovery."""
    return Row(
        fault="all",
        times=sum(row.times for row in rows),
        acknowledged=sum(row.acknowledged for row in rows),
        stored=sum(row.stored for row in rows),
        dead_lettered=sum(row.dead_lettered for row in rows),
        shed=sum(row.shed for row in rows),
        corrupt=sum(row.corrupt for row in rows),
        duplicates=sum(row.duplicates for row in rows),
        recovery_s=max((row.recovery_s for row in rows), default=0.0),
    )
