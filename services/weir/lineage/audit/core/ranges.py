"""Ranges of sequence numbers, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class NumberRange(NamedTuple):
    """Numbers `first` to `last`, both included; no number where `last` is below `first`."""

    first: int
    last: int

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


def without(ranges: Iterable[NumberRange], taken: Iterable[NumberRange]) -> list[NumberRange]:
    """The numbers of `ranges` that are in none of `taken`, as sorted, disjoint ranges."""
    left = merged(ranges)
    for cut in merged(taken):
        left = [piece for one in left for piece in _cut(one, cut)]
    return left


def common(ranges: Iterable[NumberRange], others: Iterable[NumberRange]) -> list[NumberRange]:
    """The numbers that are in both."""
    mine = merged(ranges)
    return without(mine, without(mine, others))


def merged(ranges: Iterable[NumberRange]) -> list[NumberRange]:
    """The same numbers as sorted ranges that neither touch nor overlap."""
    found: list[NumberRange] = []
    for one in sorted(ranges):
        if found and one.first <= found[-1].last + 1:
            found[-1] = NumberRange(found[-1].first, max(found[-1].last, one.last))
        else:
            found.append(one)
    return found


def size(ranges: Sequence[NumberRange]) -> int:
    """How many numbers, of disjoint ranges."""
    return sum(last - first + 1 for first, last in ranges)


def _cut(one: NumberRange, cut: NumberRange) -> list[NumberRange]:
    before = NumberRange(one.first, min(one.last, cut.first - 1))
    after = NumberRange(max(one.first, cut.last + 1), one.last)
    return [piece for piece in (before, after) if piece.first <= piece.last]
