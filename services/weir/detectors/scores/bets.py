"""Bets: e-detector and e-process against "the share of bad scores is at most q0", with a mixture over sizes of a drop.

A bet supposes that a share `d` of what used to pass now fails, so q1 = q0 + (1 - q0) d, and multiplies its stake by
q1 / q0 after a bad score, (1 - q1) / (1 - q0) after a good one. Its mean is at most 1 for **every** share q <= q0
(composite null: an improvement never fires). Two ways to stake, both O(1):

* `restarted`, Shiryaev-Roberts: one fresh unit before every score, R <- (R + 1) * bet. Mean scores to a false alarm at
  threshold A is at least A (Shin, Ramdas, Rinaldo, e-detectors); a mean over bets keeps that. It decides alarms.
* `once`, an e-process: a single unit, of which 1 / (s (s + 1)) is staked before score s. Its mean at **any** stopping
  time is at most 1, which is what e-BH needs (R is not an e-value: its mean grows with the scores). It speaks in
  `drift.core.fleet`.

When it began: each bet keeps the sum of its log bets since it was last negative (CUSUM), and where that run began.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DROPS = (0.04, 0.08, 0.2)
"""Shares of passes that turn into fails. Measured: other sets of three to five sizes are within 10 % of its delays."""

WEALTH_MAX_FACTOR = 10.0
"""Wealth is capped at so many times the page threshold: an alarm that lasts must not need as long to come down."""


@dataclass(frozen=True, slots=True)
class Wealth:
    """One entry a bet. `run_start` is the index of the first score of the current run, at `run_start_us`."""

    restarted: tuple[float, ...] = (0.0,) * len(DROPS)
    once: tuple[float, ...] = (0.0,) * len(DROPS)
    run_log: tuple[float, ...] = (0.0,) * len(DROPS)
    run_start: tuple[int, ...] = (0,) * len(DROPS)
    run_start_us: tuple[int, ...] = (0,) * len(DROPS)
    steps: int = 0

    @property
    def statistic(self) -> float:
        """Mean Shiryaev-Roberts wealth: the alarm statistic."""
        return sum(self.restarted) / len(DROPS)

    @property
    def e_value(self) -> float:
        """An e-value at any time: what the staked part became, and what is not yet staked."""
        return sum(self.once) / len(DROPS) + 1.0 / (self.steps + 1.0)

    @property
    def since(self) -> tuple[int, int]:
        """Index and time at which the run of the wealthiest bet began: the estimate of the change."""
        best = max(range(len(DROPS)), key=self.restarted.__getitem__)
        return self.run_start[best], self.run_start_us[best]


def factors(baseline_rate: float, *, is_bad: bool) -> tuple[float, ...]:
    """What each bet multiplies its stake by. baseline_rate: q0, above 0 and below 1."""
    if is_bad:
        return tuple((baseline_rate + (1.0 - baseline_rate) * drop) / baseline_rate for drop in DROPS)
    return tuple(1.0 - drop for drop in DROPS)  # (1 - q1) / (1 - q0)


def update(wealth: Wealth, bets: tuple[float, ...], *, index: int, time_us: int, wealth_max: float) -> Wealth:
    """The wealth after one score whose `bets` are `factors` of it."""
    steps = wealth.steps + 1
    stake = 1.0 / (steps * (steps + 1.0))
    is_new = tuple(run <= 0.0 for run in wealth.run_log)
    return Wealth(
        restarted=tuple(min((old + 1.0) * bet, wealth_max) for old, bet in zip(wealth.restarted, bets, strict=True)),
        once=tuple((old + stake) * bet for old, bet in zip(wealth.once, bets, strict=True)),
        run_log=tuple(max(run, 0.0) + math.log(bet) for run, bet in zip(wealth.run_log, bets, strict=True)),
        run_start=tuple(index if new else old for old, new in zip(wealth.run_start, is_new, strict=True)),
        run_start_us=tuple(time_us if new else old for old, new in zip(wealth.run_start_us, is_new, strict=True)),
        steps=steps,
    )
