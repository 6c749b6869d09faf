"""Reading: the value of a condition over calls at the end of a pane, or that it is not known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from weir.alerts.core.calls.pane import Pane, best_of
from weir.alerts.core.calls.sample import Example
from weir.alerts.core.calls.sketch import quantile_ms
from weir.assets.call_condition import BURN, QUANTILES, SHARES, CallCondition

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Reading:
    """A window that ends before end_us, microseconds since 1970-01-01 UTC.

    value: what is compared, None while too few calls tell it or the group is too new. calls: counted. known: those that tell it.
    short: of a burn rate, the rate in the short window. examples: the calls that tell most. is_new: whether the group was watched
    for a part of the window only, where the whole is needed.
    """

    end_us: int
    value: float | None
    calls: int
    known: int
    examples: tuple[Example, ...] = ()
    long: float | None = None
    short: float | None = None
    is_new: bool = False


def read(condition: CallCondition, panes: Mapping[int, Pane], end_us: int, since_us: int = 0) -> Reading:
    """The reading of a group. panes: by start, microseconds; those outside of the window are passed over. since_us: since when
    the group is watched."""
    inside = _within(panes, condition.window_s, end_us)
    calls, known = sum(one.calls for one in inside), sum(one.known for one in inside)
    examples = best_of(tuple(example for one in inside for example in one.examples), is_low=condition.is_low)
    if condition.needs_whole_window and end_us - condition.window_us < since_us:
        return Reading(end_us, None, calls, known, examples, is_new=True)
    long = _value(condition, inside, condition.window_s) if known >= condition.calls_min else None
    if condition.short_window_s is None or long is None:
        return Reading(end_us, long, calls, known, examples)
    recent = _within(panes, condition.short_window_s, end_us)
    share = condition.short_window_s / condition.window_s
    is_known = sum(one.known for one in recent) >= max(1.0, share * condition.calls_min)
    short = _value(condition, recent, condition.short_window_s) if is_known else None
    # Both windows must hold, so the lower rate decides.
    return Reading(end_us, None if short is None else min(long, short), calls, known, examples, long, short)


def _within(panes: Mapping[int, Pane], window_s: float, end_us: int) -> list[Pane]:
    first_us = end_us - round(window_s * 1_000_000)
    return [panes[start_us] for start_us in sorted(panes) if first_us <= start_us < end_us]


def _value(condition: CallCondition, panes: list[Pane], window_s: float) -> float:
    measure, total, known = condition.measure, sum(one.total for one in panes), sum(one.known for one in panes)
    if measure in QUANTILES:
        share = int(measure.split("_p")[1][:2]) / 100
        bins: Counter[int] = Counter()
        for one in panes:
            bins.update(one.bins)
        return quantile_ms(bins, share)
    if measure in SHARES:
        return total / known
    if measure == BURN:
        assert condition.objective is not None, "the rule's check saw to it"
        return total / known / (1 - condition.objective)
    return total * MINUTE_US / (window_s * 1_000_000)
