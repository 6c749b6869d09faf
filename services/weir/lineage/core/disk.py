"""The disk: when the store must stop merging because the disk under it is nearly full, and when it may go on.

Why merges too, and not inserts alone: an insert that finds no room is refused and comes again, a merge replaces rows that
are stored. ClickHouse 26.9 swallows "no space left" while it writes the marks of a part, puts the part in the place of
its sources and cannot read it ("Empty marks file", code 246). Measured on a disk that something else fills to the last
byte again and again: two to six times until stored rows were unreadable, with and without fsync. With a reserve of 256 MiB
that inserts are refused below and merges stop below: none in 20 times (`tests/chaos/engine_on_full_disk.py`).
"""

from __future__ import annotations

RESUME_SHARE = 1.25
"""Free bytes, as a part of the reserve, at which merges go on (chosen: what a few inserts take does not stop them again)."""

NEAR_SHARE = 16
"""Free bytes, as a part of the reserve, below which the disk is looked at often. 16 reserves of the default
are 4 GiB: at 256 MiB/s they fill in 16 s, so the disk is looked at often at least 14 s before. Arbitrary: any value from 4 to
64 would do."""

NEAR_S, FAR_S = 0.2, 2.0
"""Seconds between two looks (chosen: a disk that is written at 256 MiB/s is seen five times before the default reserve
is gone).
"""


def may_merge(may: bool | None, free_bytes: int, reserve_bytes: int) -> bool:
    """Whether merges may run; `may` is what held so far, None at the beginning."""
    if free_bytes < reserve_bytes:
        return False
    return may is not False or free_bytes >= RESUME_SHARE * reserve_bytes


def pause_s(free_bytes: int, reserve_bytes: int) -> float:
    """Seconds until the next look."""
    return NEAR_S if free_bytes < NEAR_SHARE * reserve_bytes else FAR_S
