"""Ids in a statement's IN list: so many at a time as one statement may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

IDS_AT_ONCE = 200
"""Ids in one statement. Chosen: 8,000 of the 20,000 characters that it may have."""


def at_once(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """The ids in their order, a statement's worth at a time."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE]


def quoted(ids: Sequence[str]) -> str:
    """The ids as they stand between the brackets of IN. They are our own, so none holds a quote."""
    return ",".join(f"'{one}'" for one in ids)
