"""Trial: after a warning on the scores, whether the anchors speak against the judge.

A fresh e-process is begun at the warning and fed with the anchors that are scored from then on, so what led to the
warning cannot bias it. Only a stricter judge explains a fall of the pass rate, so only these bets count.

* its e-value reaches 1 / `FALSE_JUDGE_SHARE`: **judge**. By Ville's inequality an unchanged judge gets there in at most
  that share of trials (up to the error of its baselines).
* the set was scored `judge.PASSES` times over and it did not: **system**.
* the guard window is over: **system** when at least `ANCHORS_ENOUGH` anchors spoke, else **none**: cannot tell.

"judge" means that the judge changed; a system that changed at the same time hides behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from weir.drift.core.quality.bets import DROPS

FALSE_JUDGE_SHARE = 0.05
"""Share of trials in which an unchanged judge may be blamed. Chosen."""

ANCHORS_ENOUGH = 30
"""Least anchors from which silence says something. Chosen: a drop of 20 points shows in about so many."""


NEUTRAL = (1.0,) * len(DROPS)


class Verdict(StrEnum):
    """Who changed, as far as the anchors can tell."""

    NONE = "none"
    SYSTEM = "system"
    JUDGE = "judge"


@dataclass(frozen=True, slots=True)
class Trial:
    """wealth: one product a bet. anchors: scored since the warning, `wanted` in all. until: last score of the guard."""

    wanted: int
    until: int
    wealth: tuple[float, ...] = (1.0,) * len(DROPS)
    anchors: int = 0

    @property
    def e_value(self) -> float:
        """Evidence against "the judge is as it was"."""
        return sum(self.wealth) / len(DROPS)


def heard(trial: Trial, bets: tuple[float, ...] | None) -> Trial:
    """The trial after one anchor; bets: on a stricter judge, None when the anchor says nothing to them."""
    wealth = tuple(old * bet for old, bet in zip(trial.wealth, bets or NEUTRAL, strict=True))
    return Trial(trial.wanted, trial.until, wealth, trial.anchors + 1)


def decided(trial: Trial, index: int) -> Verdict | None:
    """The verdict, or None while the trial goes on. index: scores of the stream so far."""
    if trial.e_value >= 1.0 / FALSE_JUDGE_SHARE:
        return Verdict.JUDGE
    if trial.anchors >= trial.wanted:
        return Verdict.SYSTEM
    if index < trial.until:
        return None
    return Verdict.SYSTEM if trial.anchors >= ANCHORS_ENOUGH else Verdict.NONE
