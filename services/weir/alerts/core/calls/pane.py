"""Pane: the calls of one group that ended in one part of a window, added up.

A pane is the sum of its samples, whatever their order. It is changed in place by who holds it alone: a batch works on a
copy, and memory takes the copy once it is on disk.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from weir.alerts.core.calls.sample import Example, Sample
from weir.alerts.core.calls.sketch import BIN_MAX, BIN_MIN, bin_of

EXAMPLES_MAX = 5
"""Calls that a pane remembers, and that an alert names; a person opens one or two."""


@dataclass(slots=True)
class Pane:
    """calls: counted. known: those that tell what is measured. total: the sum of what they tell. bins: counts of durations by
    bin of the sketch, where a quantile is asked for. examples: those that say most, of equal ones the newest: the
    largest amounts above 0, or the smallest where low values are an alert."""

    calls: int = 0
    known: int = 0
    total: float = 0.0
    bins: dict[int, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    def add(self, sample: Sample, example: Example, *, is_low: bool = False) -> None:
        """Count a call. example: the call, should it be one. is_low: whether low values are an alert."""
        self.calls += 1
        if sample.amount is None:
            return
        self.known += 1
        if sample.is_duration:
            number = bin_of(sample.amount)
            self.bins[number] = self.bins.get(number, 0) + 1
        else:
            self.total += sample.amount
        if is_low or sample.amount > 0:
            self.examples = best_of((*self.examples, example), is_low=is_low)

    def copy(self) -> Pane:
        """Another pane of the same."""
        return Pane(self.calls, self.known, self.total, dict(self.bins), self.examples)


def best_of(examples: tuple[Example, ...], *, is_low: bool = False) -> tuple[Example, ...]:
    """The examples to keep; a request id is a UUIDv7, so of equal amounts the newest call comes first."""
    newest_first = sorted(examples, key=lambda one: one.request_id, reverse=True)
    return tuple(sorted(newest_first, key=lambda one: one.amount, reverse=not is_low)[:EXAMPLES_MAX])


def pane_record(pane: Pane) -> dict[str, Any]:
    """A pane as plain data."""
    return {
        "calls": pane.calls,
        "known": pane.known,
        "total": pane.total,
        "bins": sorted(pane.bins.items()),
        "examples": [asdict(one) for one in pane.examples],
    }


def pane_from(record: Mapping[str, Any]) -> Pane:
    """The pane of a record. Raises KeyError, TypeError or ValueError for one that is none."""
    bins = {int(number): int(count) for number, count in record["bins"]}
    examples = tuple(Example(**one) for one in record["examples"])
    pane = Pane(int(record["calls"]), int(record["known"]), float(record["total"]), bins, examples)
    if not 0 <= pane.known <= pane.calls or (bins and sum(bins.values()) != pane.known):
        raise ValueError(f"a pane of {pane.calls} calls, of which {pane.known} are known, has other counts in its bins")
    if not all(BIN_MIN <= number <= BIN_MAX and count > 0 for number, count in bins.items()):
        raise ValueError("a pane has a bin that no duration has")
    return pane
