"""Baseline: the share of bad scores that counts as usual, learnt from a reference that goes on growing.

The alarm bets against "the share of bad scores is at most q0". Taken from a reference of n scores, q0 is wrong by about
one standard error for ever, and bets slowly win on it. Two remedies, both cheap: q0 is moved towards bad by
`margin_deviations` standard errors, and the reference grows. A score joins it once `lag` more scores have passed
without an alarm, so a change that is found within `lag` scores never teaches the baseline; it stops growing at
`count_max`, so that a slow decline is not followed for ever.

Measured (pass rate 0.92, references of 1,000 drawn anew for every run, promise 5,000; 500 and 1,500 runs): margin 0
keeps an ARL of 5,680 (standard error 265) and finds a 5-point drop after a median of 230 scores, 0.1 of 5,840 (270) and
240, 0.25 of 6,580 (310) and 250. Chosen: 0.1.
What it does not give: a bound for every single reference; an unlucky one is off until it has grown. And it follows an
improvement that lasts: a fall back to the first level is then a fall.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

RATE_MAX = 1.0 - 1e-6
"""Largest baseline: at 1 a bet would divide by 0. Any lower cap would let bets win on a stream that is always bad."""

HOPELESS = 0.9
"""Baseline above which nothing is bet: bets there are all but neutral, and every score would stake one more unit until
the threshold is reached after exactly as many scores. Chosen: a system that is bad nine times of ten needs no detector."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """bad of count: the scores that have joined. waiting: the last `waiting_count` scores as bits, newest lowest."""

    bad: int = 0
    count: int = 0
    waiting: int = 0
    waiting_count: int = 0


def collected(baseline: Baseline, *, is_bad: bool) -> Baseline:
    """The baseline with one more score of the warm-up, which joins at once."""
    return replace(baseline, bad=baseline.bad + is_bad, count=baseline.count + 1)


def followed(baseline: Baseline, *, is_bad: bool, lag: int, count_max: int) -> Baseline:
    """The baseline after a monitored score: it waits, and the one that has waited for `lag` scores joins."""
    if baseline.count >= count_max:
        return baseline
    waiting = (baseline.waiting << 1) | is_bad
    if baseline.waiting_count < lag:
        return replace(baseline, waiting=waiting, waiting_count=baseline.waiting_count + 1)
    oldest = waiting >> lag
    return Baseline(baseline.bad + oldest, baseline.count + 1, waiting & ((1 << lag) - 1), lag)


def forgetting_waiting(baseline: Baseline) -> Baseline:
    """The baseline without the scores that wait: an alarm went off while they did."""
    return replace(baseline, waiting=0, waiting_count=0)


def rate(baseline: Baseline, margin_deviations: float) -> float:
    """Share of bad scores to bet against, in (0, RATE_MAX]; half a bad score is added so that it is never 0."""
    mean = (baseline.bad + 0.5) / (baseline.count + 1.0)
    error = math.sqrt(mean * (1.0 - mean) / (baseline.count + 1.0))
    return min(mean + margin_deviations * error, RATE_MAX)
