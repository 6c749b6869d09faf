"""Ranges of sequence numbers, both ends included, and what is left of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Span = tuple[int, int]
"""First and last number."""


def without(spans: Iterable[Span], taken: Iterable[Span]) -> list[Span]:
    """The numbers of `spans` that are in none of `taken`, as sorted, disjoint ranges."""
    left = merged(spans)
    for first, last in merged(taken):
        left = [piece for span in left for piece in _cut(span, first, last)]
    return left


def common(spans: Iterable[Span], others: Iterable[Span]) -> list[Span]:
    """The numbers that are in both."""
    mine = merged(spans)
    return without(mine, without(mine, others))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same numbers as sorted ranges that neither touch nor overlap."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found


def size(spans: Sequence[Span]) -> int:
    """How many numbers, of disjoint ranges."""
    return sum(last - first + 1 for first, last in spans)


def _cut(span: Span, first: int, last: int) -> list[Span]:
    before = (span[0], min(span[1], first - 1))
    after = (max(span[0], last + 1), span[1])
    return [piece for piece in (before, after) if piece[0] <= piece[1]]
