"""A gap: numbers that a spool did not take the events of, named so that nobody takes them for lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GapReason = Literal["spool_full", "disk_refused", "not_recordable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Numbers that were used for events which the spool did not take."""

    first_seq: int
    last_seq: int
    reason: GapReason
    ended: tuple[str, ...] = ()
    """Request ids of calls whose request is recorded and whose end is among these numbers: they are not open."""
