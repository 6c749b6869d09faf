"""Level: where a metric stands now, as confidence sequences: intervals that hold at all times at once.

Two, over the same block of scores, both O(1):

* Pass rate: the beta-binomial mixture (Robbins; the betting martingale for 0/1, also valid for [0, 1]). A rate r is
  left out once a Beta(1/2, 1/2) mixture of bets against it has multiplied its stake by 1 / alpha.
* Mean score: predictable plug-in empirical Bernstein (Waudby-Smith and Ramdas 2024, theorem 2), for values in [0, 1].

One look or a thousand, each misses the true mean of its block in at most `alpha` of all blocks. A block begins every
`level_scores` scores, because an interval over all time would average over changes; the block before is kept so that
there is something to read right after a new one began.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

PRIOR = 0.5
"""Both parameters of the Beta mixture: Krichevsky-Trofimov, within log(n)/2 of the best bet."""

LAMBDA_MAX = 0.5
"""Cap of the empirical-Bernstein bets (the paper's 1/2)."""

BISECTIONS = 40
"""Halvings for an end of an interval: far below any digit shown."""


@dataclass(frozen=True, slots=True)
class Interval:
    """low <= mean <= high at every time at once. count: scores it is made of."""

    low: float
    mean: float
    high: float
    count: int


@dataclass(frozen=True, slots=True)
class Level:
    """Sums over one block. `weight`, `weighted`, `penalty`: sums of lambda, lambda x, and v psi(lambda)."""

    count: int = 0
    passed: int = 0
    total: float = 0.0
    deviation: float = 0.0
    weight: float = 0.0
    weighted: float = 0.0
    penalty: float = 0.0


def observed(level: Level, *, passed: bool, value: float, alpha: float) -> Level:
    """The level after one score. value: clipped to [0, 1]."""
    x = min(max(value, 0.0), 1.0)
    n = level.count + 1
    before_mean = (0.5 + level.total) / n
    variance = (0.25 + level.deviation) / n
    bet = min(math.sqrt(2.0 * math.log(2.0 / alpha) / (variance * n * math.log(1.0 + n))), LAMBDA_MAX)
    mean = (0.5 + level.total + x) / (n + 1.0)
    return Level(
        count=n,
        passed=level.passed + passed,
        total=level.total + x,
        deviation=level.deviation + (x - mean) ** 2,
        weight=level.weight + bet,
        weighted=level.weighted + bet * x,
        penalty=level.penalty + 4.0 * (x - before_mean) ** 2 * _psi(bet),
    )


def pass_rate(level: Level, alpha: float) -> Interval:
    """Interval of the pass rate; 0 to 1 before the first score. About 0.1 ms."""
    n, s = level.count, level.passed
    if n == 0:
        return Interval(0.0, 0.5, 1.0, 0)
    mean = s / n
    low = 0.0 if s == 0 else _end(s, n, inside=mean, outside=0.0, alpha=alpha)
    high = 1.0 if s == n else _end(s, n, inside=mean, outside=1.0, alpha=alpha)
    return Interval(low, mean, high, n)


def mean_score(level: Level, alpha: float) -> Interval:
    """Interval of the mean score; 0 to 1 before the first score."""
    if level.count == 0:
        return Interval(0.0, 0.5, 1.0, 0)
    centre = level.weighted / level.weight
    half = (math.log(2.0 / alpha) + level.penalty) / level.weight
    mean = level.total / level.count
    return Interval(max(0.0, min(centre - half, mean)), mean, min(1.0, max(centre + half, mean)), level.count)


def _end(s: int, n: int, *, inside: float, outside: float, alpha: float) -> float:
    """The rate between `inside` and `outside` at which the mixture's wealth is 1 / alpha."""
    mixture = _log_beta(PRIOR + s, PRIOR + n - s) - _log_beta(PRIOR, PRIOR)
    for _ in range(BISECTIONS):
        middle = (inside + outside) / 2.0
        log_wealth = mixture - s * math.log(middle) - (n - s) * math.log1p(-middle)
        inside, outside = (middle, outside) if log_wealth < -math.log(alpha) else (inside, middle)
    return outside


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _psi(bet: float) -> float:
    return (-math.log1p(-bet) - bet) / 4.0


@dataclass(frozen=True, slots=True)
class Levels:
    """The block in progress and the one before."""

    now: Level = Level()
    before: Level = Level()

    @property
    def readable(self) -> Level:
        """The block to show: the one in progress once it is longer than a tenth of the one before."""
        return self.now if self.now.count * 10 >= self.before.count else self.before


def levels_observed(levels: Levels, *, passed: bool, value: float, alpha: float, block: int) -> Levels:
    """The levels after one score; a full block becomes the one before."""
    if levels.now.count >= block:
        levels = Levels(Level(), levels.now)
    return replace(levels, now=observed(levels.now, passed=passed, value=value, alpha=alpha))
