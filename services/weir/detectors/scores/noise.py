"""Noise: how often an unchanged judge fails an anchor, given its earlier verdicts on it and on all other anchors.

A judge hesitates over a few anchors and is sure of the others, so one share of fails for all of them says too little: a
sure anchor that begins to fail looks harmless, a borderline one that fails as it always did looks like a change. And a
judge may repeat itself: asked three times within a minute (a cache, a temperature of 0) it says three times the same,
and only the next scoring of the set is another draw; three fails in a row are then one.

So an unchanged judge is taken to have one `REPEATS`, and each anchor one of `RATES`. How the rates are spread is learnt
from all anchors together (empirical Bayes: the non-parametric maximum likelihood of Kiefer and Wolfowitz 1956 on a grid,
by expectation maximisation, smoothed), once for each repeat; the likelihood weighs the repeats. What an anchor has shown
then says which rates are likely for it.
"""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

RATES = (0.001, 0.003, 0.01, 0.03, 0.06, 0.12, 0.25, 0.5, 0.75)
"""Shares of fails that an anchor may have. Chosen: a factor of two or three apart."""

REPEATS = (0.0, 0.3, 0.95)
"""Chances that the verdicts on an anchor in one scoring of the set are one draw. Chosen: never, at times, almost always;
at 1 a judge that disagreed with itself once would be impossible."""

REPEAT_WEIGHTS = (0.8, 0.1, 0.1)
"""How likely each repeat is before anything was seen. Chosen: with equal weights 3 to 9 of 100 judges that failed 5
points more were missed for it; without repeats 70 to 90 of 100 unchanged judges that repeat themselves were blamed."""

SMOOTHING = 0.2
"""Anchors that are added at each rate, so that a rate which no anchor showed stays possible. Arbitrary: any value from 0.1
to 0.3 would do; between them found changes and false verdicts differ by 2 points of 100."""

ROUNDS = 40
"""Rounds of expectation maximisation. Chosen: the weights only guide, they need not have converged."""

Group = tuple[int, int]
"""Fails among the verdicts on an anchor in one scoring of the set, and how many verdicts these are, at least 1."""

History = tuple[Group, ...]
"""All groups of an anchor."""


def spread_of(histories: Iterable[History]) -> tuple[float, ...]:
    """Weight of each pair of `REPEATS` and `RATES`, rates within repeats; they add to 1. 2 to 6 ms for 194 anchors."""
    anchors = Counter(tuple(sorted(one)) for one in histories)
    fits = [_fit(place, anchors) for place in range(len(REPEATS))]
    best = max(fit for _, fit in fits)
    weights = [weight * math.exp(fit - best) for weight, (_, fit) in zip(REPEAT_WEIGHTS, fits, strict=True)]
    return tuple(
        weight / sum(weights) * share for weight, (spread, _) in zip(weights, fits, strict=True) for share in spread
    )


def chance(spread: Sequence[float], history: History, new: History) -> float:
    """Probability of the verdicts `new`, in one order, on an anchor with this history while the judge is unchanged."""
    seen = tuple(map(operator.mul, spread, likelihoods(RATES, history)))
    return float(sum(map(operator.mul, seen, likelihoods(RATES, new))) / sum(seen))


def repeats_of(spread: Sequence[float]) -> tuple[float, ...]:
    """Weight of each of `REPEATS`."""
    count = len(RATES)
    return tuple(sum(spread[place * count : (place + 1) * count]) for place in range(len(REPEATS)))


@lru_cache(maxsize=4_096)
def likelihoods(rates: tuple[float, ...], history: History) -> tuple[float, ...]:
    """Probability of these verdicts, in one order, for each repeat and each of `rates`, rates within repeats.

    Remembered, because most anchors have one of a few histories: a trial takes a tenth of the time.
    """
    return tuple(
        math.prod(_of_group(repeat, rate, *group) for group in history) for repeat in REPEATS for rate in rates
    )


def _of_group(repeat: float, rate: float, fails: int, count: int) -> float:
    apart = rate**fails * (1.0 - rate) ** (count - fails)
    at_once = rate if fails == count else 1.0 - rate if fails == 0 else 0.0
    return float((1.0 - repeat) * apart + repeat * at_once)


def _fit(place: int, anchors: Mapping[History, int]) -> tuple[list[float], float]:
    """The spread of the rates of these anchors for one of `REPEATS`, and the log likelihood of them all under it."""
    cells = slice(place * len(RATES), (place + 1) * len(RATES))
    rows = [(likelihoods(RATES, one)[cells], count) for one, count in sorted(anchors.items())]
    spread = [1.0 / len(RATES)] * len(RATES)
    for _ in range(ROUNDS):
        weights = [SMOOTHING] * len(RATES)
        for row, count in rows:
            joint = [share * one for share, one in zip(spread, row, strict=True)]
            scale = count / sum(joint)
            weights = [weight + scale * one for weight, one in zip(weights, joint, strict=True)]
        total = sum(weights)
        spread = [weight / total for weight in weights]
    fits = (count * math.log(sum(map(operator.mul, spread, row))) for row, count in rows)
    return spread, math.fsum(fits)
