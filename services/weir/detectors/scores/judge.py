"""Judge: whether a live evaluator still scores a fixed set of human-labelled anchors as it used to.

The anchors never change, so whatever changes in their scores is the judge. Each falls into one of four classes: what
the human label says, and what most of this judge's first `PASSES` verdicts on it say. Within a class the share of fails
of later re-scores is the judge's own noise, learnt as a `baseline` is; a deterministic judge has none, and then a few
changed verdicts weigh much. Bets run both ways: a judge may become stricter or laxer than it was against the labels.

Class by class rather than on the plain judge-human gap: a judge that always errs on the same anchors adds no noise to
the test, so a given change is found in a fraction of the anchors. These bets watch the judge without a drop; after a
drop the `trial` decides, anchor by anchor, from the `verdicts` that are kept here too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.detectors.scores.baseline import Baseline, followed, forgetting_waiting, rate
from weir.detectors.scores.bets import Wealth, factors, update
from weir.detectors.scores.noise import History, spread_of
from weir.detectors.scores.score import AnchorScore
from weir.detectors.scores.verdicts import Verdicts, learnt, recorded

ANCHORS_MAX = 512
"""Anchors remembered; further ones are not used. Chosen: four times the set that is shipped."""

PASSES = 3
"""Verdicts on an anchor that make its usual one, and times that the set is scored at an alarm. Measured: with one, half
of the judges that failed 10 points more were blamed on the system; persistent changes add up over passes, noise does
not."""

ANCHOR_LAG = 60
"""Re-scores that wait before they teach: of a class its baseline, of all anchors their histories. Chosen: half of the
set that is shipped; 1,200 scores of the stream at the usual interleave."""

ANCHOR_COUNT_MAX = 10_000
"""Re-scores after which a class's baseline stays. Chosen: its standard error is at most 0.005 by then."""

MARGIN_DEVIATIONS = 1.0
"""Standard errors by which the noise of a class is taken to be larger than it looks. Chosen: one class in six
is noisier than that."""

CLASSES = 4
"""Human label times usual verdict."""

USUALLY_PASS = (1, 3)
"""Classes of anchors that the judge usually passes: only these can show that it became stricter, only the others that
it became laxer."""


@dataclass(frozen=True, slots=True)
class Judge:
    """first: passes among the first verdicts on each anchor, and how many these are. classes: noise of the re-scores,
    by class. table: number of anchors by class. stricter, laxer: wealth of bets on more fails, and on more passes.
    scores: anchors scored. verdicts: anchor by anchor, the first ones among them.
    """

    first: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    table: tuple[int, ...] = (0,) * CLASSES
    classes: tuple[Baseline, ...] = (Baseline(),) * CLASSES
    stricter: Wealth = Wealth()
    laxer: Wealth = Wealth()
    scores: int = 0
    verdicts: Verdicts = Verdicts()

    @property
    def rescored(self) -> int:
        """Re-scores that have taught the baselines."""
        return sum(one.count for one in self.classes)

    @property
    def statistic(self) -> float:
        """Shiryaev-Roberts statistic over both directions; the mean number of anchors to a false alarm at A is A."""
        return (self.stricter.statistic + self.laxer.statistic) / 2.0


@dataclass(frozen=True, slots=True)
class Bets:
    """What one anchor does to the bets on a stricter and on a laxer judge; None where it says nothing to them."""

    stricter: tuple[float, ...] | None
    laxer: tuple[float, ...] | None


def bets_of(judge: Judge, anchor: AnchorScore) -> Bets | None:
    """The bets on one re-scored anchor; None for the first scores of an anchor, which later ones are held to."""
    if not is_known(judge, anchor.anchor_id):
        return None
    noise = judge.classes[_class(judge, anchor)]
    if _class(judge, anchor) in USUALLY_PASS:
        return Bets(factors(rate(noise, MARGIN_DEVIATIONS), is_bad=not anchor.passed), None)
    passing = replace(noise, bad=noise.count - noise.bad)
    return Bets(None, factors(rate(passing, MARGIN_DEVIATIONS), is_bad=anchor.passed))


def scored(
    judge: Judge, anchor: AnchorScore, *, teaches: bool, is_warming: bool, anchors_min: int, wealth_max: float
) -> Judge:
    """The judge after one anchor.

    teaches: False while an alarm is on, so that what may be a change is not learnt. is_warming: everything is learnt at
    once. Bets begin when the classes hold `anchors_min` re-scores.
    """
    bets = bets_of(judge, anchor)
    judge = replace(judge, scores=judge.scores + 1)
    if bets is None:
        return _first(judge, anchor)
    if judge.rescored >= anchors_min and not is_warming:
        index, at_us = judge.scores, anchor.event_time_us
        if bets.stricter:
            stricter = update(judge.stricter, bets.stricter, index=index, time_us=at_us, wealth_max=wealth_max)
            judge = replace(judge, stricter=stricter)
        if bets.laxer:
            laxer = update(judge.laxer, bets.laxer, index=index, time_us=at_us, wealth_max=wealth_max)
            judge = replace(judge, laxer=laxer)
    return _taught(judge, anchor, lag=0 if is_warming or judge.rescored < anchors_min else ANCHOR_LAG, teaches=teaches)


def is_known(judge: Judge, anchor_id: str) -> bool:
    """Whether the usual verdict on an anchor is known."""
    return judge.first.get(anchor_id, (0, 0))[1] >= PASSES


def usual_history(judge: Judge, anchor_id: str) -> History | None:
    """All verdicts on an anchor that this judge usually passes; None for any other."""
    is_usual = is_known(judge, anchor_id) and _mostly(*judge.first[anchor_id])
    return judge.verdicts.of(anchor_id) if is_usual else None


def noise_of(judge: Judge) -> tuple[float, ...]:
    """How the shares of fails of the anchors that this judge usually passes are spread, see `noise`."""
    histories = (usual_history(judge, anchor_id) for anchor_id in judge.first)
    return spread_of(one for one in histories if one is not None)


def agreement(judge: Judge) -> tuple[float, float]:
    """Share of anchors whose usual verdict agrees with the human label, and Cohen's kappa; NaN where undefined."""
    both_fail, laxer, stricter, both_pass = judge.table
    total = sum(judge.table)
    if total == 0:
        return math.nan, math.nan
    share = (both_fail + both_pass) / total
    human, machine = (stricter + both_pass) / total, (laxer + both_pass) / total
    chance = human * machine + (1.0 - human) * (1.0 - machine)
    return share, (share - chance) / (1.0 - chance) if chance < 1.0 else math.nan


def forgetting(judge: Judge) -> Judge:
    """The judge with the re-scores that wait dropped, because an alarm went off while they did."""
    classes = tuple(forgetting_waiting(one) for one in judge.classes)
    return replace(judge, classes=classes, verdicts=replace(judge.verdicts, waiting=()))


def _class(judge: Judge, anchor: AnchorScore) -> int:
    passed, count = judge.first[anchor.anchor_id]
    return 2 * anchor.human_passed + _mostly(passed, count)


def _mostly(passed: int, count: int) -> bool:
    return 2 * passed > count


def _first(judge: Judge, anchor: AnchorScore) -> Judge:
    if anchor.anchor_id not in judge.first and len(judge.first) >= ANCHORS_MAX:
        return judge
    passed, count = judge.first.get(anchor.anchor_id, (0, 0))
    records = recorded(judge.verdicts.records, anchor.anchor_id, not anchor.passed, anchor.event_time_us)
    judge = replace(
        judge,
        first={**judge.first, anchor.anchor_id: (passed + anchor.passed, count + 1)},
        verdicts=replace(judge.verdicts, records=records),
    )
    if count + 1 < PASSES:
        return judge
    place = _class(judge, anchor)
    return replace(judge, table=tuple(held + (index == place) for index, held in enumerate(judge.table)))


def _taught(judge: Judge, anchor: AnchorScore, *, lag: int, teaches: bool) -> Judge:
    if not teaches:
        return judge
    place = _class(judge, anchor)
    taught = followed(judge.classes[place], is_bad=not anchor.passed, lag=lag, count_max=ANCHOR_COUNT_MAX)
    name, failed, at_us = anchor.anchor_id, not anchor.passed, anchor.event_time_us
    verdicts = learnt(judge.verdicts, name, failed=failed, at_us=at_us, lag=lag)
    return replace(judge, classes=(*judge.classes[:place], taught, *judge.classes[place + 1 :]), verdicts=verdicts)
