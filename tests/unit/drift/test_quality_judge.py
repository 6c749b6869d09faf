"""System or judge: planted changes of either, and what the anchors cannot tell."""

from __future__ import annotations

import math

import pytest

from bench.quality_alarm import verdict_of_case
from unit.drift.quality_scores import SMALL, anchor, followed, monitored
from weir.drift.core.outcomes import Level
from weir.drift.core.quality.judge import PASSES, Judge, agreement
from weir.drift.core.quality.outcomes import Fired, JudgeCleared, JudgeFired, Outcome
from weir.drift.core.quality.stream import StreamState, step_anchor
from weir.drift.core.quality.trial import Trial, Verdict, decided, heard

NAMES = [f"a{number}" for number in range(20)]


@pytest.mark.capability("X3")
@pytest.mark.parametrize("changed", ["system", "judge"])
def test_planted_changes_of_20_points_are_told_apart(changed: str) -> None:
    verdicts = [verdict_of_case(changed, 20, seed) for seed in range(1_000, 1_004)]

    assert verdicts.count(Verdict(changed)) >= 3


def test_without_anchors_the_verdict_is_none() -> None:
    _, outcomes = followed(monitored(), [True] * 30)

    assert {one.verdict for one in outcomes if isinstance(one, Fired)} == {Verdict.NONE}


def test_a_judge_that_fails_its_anchors_is_blamed_and_the_alarm_told_again() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, fired = followed(state, [True] * 12)
    assert [one.verdict for one in fired if isinstance(one, Fired)][0] is None

    state, told = rescored(state, rounds=PASSES, passed=False, start=10_000)

    updates = [one for one in told if isinstance(one, Fired)]
    assert [(one.verdict, one.is_update) for one in updates] == [(Verdict.JUDGE, True)]
    assert updates[0].level in (Level.WARN, Level.PAGE)
    assert state.trial is None


def test_a_judge_that_scores_its_anchors_as_before_leaves_the_system() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, _ = followed(state, [True] * 12)

    state, told = rescored(state, rounds=PASSES, passed=True, start=10_000)

    assert [one.verdict for one in told if isinstance(one, Fired)] == [Verdict.SYSTEM]


def test_a_guard_without_anchors_ends_in_no_verdict() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)

    _, outcomes = followed(state, [True] * (SMALL.guard_scores + 12))

    assert [one.verdict for one in outcomes if isinstance(one, Fired)][-1] is Verdict.NONE


def test_a_changed_judge_is_told_without_any_drop_and_until_it_is_back() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)

    state, told = rescored(state, rounds=3, passed=False, start=10_000)
    assert [type(one) for one in told] == [JudgeFired]
    assert isinstance(told[0], JudgeFired)
    assert told[0].direction == "stricter"
    learnt = state.judge.classes

    state, told = rescored(state, rounds=40, passed=True, start=20_000)
    assert [type(one) for one in told] == [JudgeCleared]
    assert learnt[3].bad == state.judge.classes[3].bad


def test_anchors_read_again_change_nothing() -> None:
    state = with_anchors(monitored(), rounds=2)

    assert step_anchor(state, anchor(39, anchor_id=NAMES[19]), SMALL) == (state, [])


def test_agreement_is_that_of_the_usual_verdicts() -> None:
    assert all(map(math.isnan, agreement(Judge())))
    share, kappa = agreement(Judge(table=(40, 10, 10, 40)))

    assert share == pytest.approx(0.8)
    assert kappa == pytest.approx(0.6)


def test_an_unchanged_judge_is_blamed_in_at_most_one_trial_of_twenty_in_the_mean() -> None:
    """Exact: one bet after another, over the tree of outcomes, with the noise that the baseline says."""
    noise, bets_after = 0.1, {True: (1.27, 1.45, 1.9, 2.8), False: (0.97, 0.95, 0.9, 0.8)}
    chances = {Trial(wanted=99, until=99): 1.0}
    for _ in range(12):
        grown: dict[Trial, float] = {}
        for trial, chance in chances.items():
            for failed, weight in ((True, noise), (False, 1.0 - noise)):
                after = heard(trial, bets_after[failed])
                grown[after] = grown.get(after, 0.0) + chance * weight
        chances = grown

    assert sum(chance * trial.e_value for trial, chance in chances.items()) <= 1.0 + 1e-9
    assert sum(chance for trial, chance in chances.items() if decided(trial, 0) is Verdict.JUDGE) <= 0.05


def with_anchors(state: StreamState, rounds: int) -> StreamState:
    return rescored(state, rounds, passed=True, start=0)[0]


def rescored(state: StreamState, rounds: int, *, passed: bool, start: int) -> tuple[StreamState, list[Outcome]]:
    told: list[Outcome] = []
    for number in range(rounds * len(NAMES)):
        name = NAMES[number % len(NAMES)]
        state, outcomes = step_anchor(state, anchor(start + number, passed=passed, anchor_id=name), SMALL)
        told += outcomes
    return state, told
