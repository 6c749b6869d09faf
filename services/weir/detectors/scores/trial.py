"""Trial: after a warning on the scores, whether the anchors speak against the judge.

A fresh e-process is begun at the warning and fed with the anchors that are scored from then on, so what led to the
warning cannot bias it. Only a stricter judge explains a fall of the pass rate, so only anchors that it usually passes
count. The bet: a share of them (a mixture over `SHARES`) now fails with a high chance (`CHANGED`), the others as often
as `noise` says of each. Anchor by anchor, because a changed judge fails the **same** anchors pass after pass and noise
does not: three fails of three of an anchor that never failed multiply the stake by some hundreds. Pooled over anchors,
as it was before, 24 of 100 judges that failed 5 points more were taken for the system; now 1 or 2 (`docs/drift-results.md`).

* its e-value reaches `TRIALS` / `FALSE_JUDGE_SHARE`: **judge**. By Ville's inequality an unchanged judge gets there in
  at most that share of alarms (up to the error of its `noise`).
* the set was scored `judge.PASSES` times over and it did not: **system**.
* the guard window (scores, and at least `GUARD_S` of event time, for anchors to be scored in) is over: **system** when
  at least `ANCHORS_ENOUGH` anchors spoke, else **none**: cannot tell.

A page that comes after the verdict of its warning begins a trial of its own: a false warning says nothing about the
change that comes next.
"judge" means that the judge changed; a system that changed at the same time hides behind it.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from weir.detectors.scores.noise import History, chance, likelihoods, repeats_of
from weir.detectors.scores.verdicts import AnchorRecord, recorded

FALSE_JUDGE_SHARE = 0.05
"""Share of alarms in which an unchanged judge may be blamed. Chosen: the usual level of a test, shared
by all trials of an alarm."""

TRIALS = 2
"""Trials of an alarm that this share covers: one at its warning, and one at its page."""

SHARES = (0.01, 0.03, 0.1, 0.3)
"""Shares of the anchors that a changed judge may fail. Chosen: one or two anchors of the set shipped, to a third."""

CHANGED = (0.5, 0.95)
"""Chances, equally likely, with which such an anchor fails now. Chosen: every time but for noise, or half the time."""

ANCHORS_ENOUGH = 30
"""Least anchors from which silence says something. Chosen: a drop of 20 points shows in about so many."""

GUARD_S = 60
"""Least length of the guard window, seconds of event time. Chosen: anchors take seconds, 300 scores may take one."""


Verdict = Literal["none", "system", "judge"]
"""Who changed, as far as the anchors can tell; `none`: they cannot."""


@dataclass(frozen=True, slots=True)
class Trial:
    """wealth: one product a share. anchors: scored since the warning, `wanted` in all. until, until_us: last score of
    the guard, and the event time that must have passed. spread: of the noise, see `noise`. new: verdicts since the
    warning by anchor.
    """

    wanted: int
    until: int
    until_us: int
    spread: tuple[float, ...]
    wealth: tuple[float, ...] = (1.0,) * len(SHARES)
    new: Mapping[str, AnchorRecord] = field(default_factory=dict)
    anchors: int = 0

    @property
    def e_value(self) -> float:
        """Evidence against "the judge is as it was"."""
        return sum(self.wealth) / len(SHARES)


def heard(trial: Trial, anchor_id: str, history: History | None, *, failed: bool, at_us: int) -> Trial:
    """The trial after one anchor. history: before the warning, None when the anchor says nothing to the bet."""
    trial = replace(trial, anchors=trial.anchors + 1)
    if history is None:
        return trial
    after = recorded(trial.new, anchor_id, failed, at_us)
    old, new = (_ratio(trial, history, records.get(anchor_id, AnchorRecord()).groups) for records in (trial.new, after))
    wealth = tuple(
        held * (1.0 - share + share * new) / (1.0 - share + share * old)
        for held, share in zip(trial.wealth, SHARES, strict=True)
    )
    return replace(trial, wealth=wealth, new=after)


def decided(trial: Trial, index: int, time_us: int) -> Verdict | None:
    """The verdict, or None while the trial goes on. index: scores of the stream so far; time_us: of the newest."""
    if trial.e_value >= TRIALS / FALSE_JUDGE_SHARE:
        return "judge"
    if trial.anchors >= trial.wanted:
        return "system"
    if index < trial.until or time_us < trial.until_us:
        return None
    return "system" if trial.anchors >= ANCHORS_ENOUGH else "none"


def _ratio(trial: Trial, history: History, new: History) -> float:
    """How much likelier the new verdicts on an anchor are when the judge changed on it."""
    weights = (weight / len(CHANGED) for weight in repeats_of(trial.spread) for _ in CHANGED)
    changed = sum(map(operator.mul, weights, likelihoods(CHANGED, new)))
    return float(changed / chance(trial.spread, history, new))
