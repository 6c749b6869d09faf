"""Fleet: many streams at once, and what can be promised about all of them together.

Two statements, for two questions:

* **How many false alarms?** An alarm with mean run length A is false at most once in A steps, so all streams together
  give at most (steps a day) / A false alarms a day, whatever the number of streams and however they depend on each
  other: means add. Read backwards, a budget of B a day needs A >= (steps a day) / B.
* **Which streams really changed, just now?** Each stream has an e-value, whose mean is at most 1 while nothing changed.
  e-BH (Wang and Ramdas 2022) names the k streams with the largest e-values when the k-th is at least
  streams / (k * fdr): of the named ones at most the share `fdr` is false, on average, under any dependence. It does not
  need a common clock: the e-values hold at any stopping time.

The first is what alarms keep; the second ranks many alarms and finds streams that no single threshold would page for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DAY_S = 86_400.0

SPAN_S_MIN = 3_600.0
"""Shortest time over which a rate of steps is taken. Chosen: an hour; less would call a burst a day's traffic."""


def discoveries(e_values: Sequence[float], fdr: float) -> list[int]:
    """Indices that e-BH names at false discovery rate `fdr`, largest e-value first. O(n log n).

    Raises ValueError for a rate outside (0, 1) or a negative e-value.
    """
    if not 0.0 < fdr < 1.0:
        raise ValueError(f"false discovery rate is {fdr}; expected above 0 and below 1, for example 0.05")
    if any(value < 0.0 for value in e_values):
        raise ValueError(f"smallest e-value is {min(e_values)}; expected 0 or more")
    order = sorted(range(len(e_values)), key=lambda index: -e_values[index])
    ranks = [rank for rank, index in enumerate(order, 1) if rank * e_values[index] * fdr >= len(e_values)]
    return order[: max(ranks, default=0)]


@dataclass(frozen=True, slots=True)
class Rate:
    """Steps of one group of streams that keep the same ARL. span_s: time in which the `steps` were taken."""

    arl: float
    steps: int
    span_s: float

    @property
    def steps_per_day(self) -> float:
        """Observed rate."""
        return self.steps / max(self.span_s, SPAN_S_MIN) * DAY_S


@dataclass(frozen=True, slots=True)
class Budget:
    """What all streams together promise.

    false_alarms_per_day: upper bound of the mean. per_day_max: the budget; 0 for none. arl_required: the ARL that every
    stream would need for it; 0 without a budget.
    """

    steps_per_day: float
    false_alarms_per_day: float
    per_day_max: float
    arl_required: float

    @property
    def is_kept(self) -> bool:
        """Whether the bound is within the budget; True without one."""
        return self.per_day_max == 0.0 or self.false_alarms_per_day <= self.per_day_max


def budget(rates: Sequence[Rate], per_day_max: float) -> Budget:
    """The bound over all `rates`. per_day_max: false alarms allowed a day, 0 for no budget."""
    steps = sum(rate.steps_per_day for rate in rates)
    bound = sum(rate.steps_per_day / rate.arl for rate in rates)
    return Budget(steps, bound, per_day_max, steps / per_day_max if per_day_max else 0.0)


def in_words(streams: int, found: int, fdr: float, allowed: Budget) -> str:
    """The bound as two or three sentences for a person."""
    parts = [
        f"{streams} streams take {allowed.steps_per_day:,.0f} steps a day; with their ARL that is at most "
        f"{allowed.false_alarms_per_day:.3g} false pages a day in the mean, whatever the number of streams.",
        f"e-BH names {found}; at most {fdr:.0%} of the named are false in the mean.",
    ]
    if allowed.per_day_max:
        verdict = "kept" if allowed.is_kept else f"not kept: set a page ARL of {allowed.arl_required:,.0f} or more"
        parts.append(f"The budget of {allowed.per_day_max:g} a day is {verdict}.")
    return " ".join(parts)
