"""System or judge: planted changes of either, and what the anchors cannot tell."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bench.quality_alarm import verdict_of_case
from unit.drift.drift_banks import changed
from unit.drift.quality_scores import SMALL, anchor, followed, monitored
from weir.detectors.alarm_state import AlarmState
from weir.detectors.outcomes import AlarmLevel
from weir.detectors.scores.judge import PASSES, Judge, agreement
from weir.detectors.scores.noise import History, chance, spread_of
from weir.detectors.scores.outcomes import Fired, JudgeCleared, JudgeFired, Outcome
from weir.detectors.scores.stream import STREAM, ScoreStream, step_anchor
from weir.detectors.scores.trial import ANCHORS_ENOUGH, FALSE_JUDGE_SHARE, TRIALS, Trial, Verdict, decided, heard
from weir.detectors.scores.verdicts import AnchorRecord
from weir.state import StateError

NAMES = [f"a{number}" for number in range(20)]


@pytest.mark.capability("X3", is_check=True)
@pytest.mark.slow
@pytest.mark.parametrize("who", ["system", "judge"])
def test_planted_changes_of_20_points_are_told_apart(who: Verdict) -> None:
    verdicts = [verdict_of_case(who, 20, seed) for seed in range(1_000, 1_004)]

    assert verdicts.count(who) >= 3


def test_without_anchors_the_verdict_is_none() -> None:
    _, outcomes = followed(monitored(), [True] * 30)

    assert {one.verdict for one in outcomes if isinstance(one, Fired)} == {"none"}


def test_a_judge_that_fails_its_anchors_is_blamed_and_the_alarm_told_again() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, fired = followed(state, [True] * 12)
    assert [one.verdict for one in fired if isinstance(one, Fired)][0] is None

    state, told = rescored(state, rounds=PASSES, passed=False, start=10_000)

    updates = [one for one in told if isinstance(one, Fired)]
    assert [(one.verdict, one.is_update) for one in updates] == [("judge", True)]
    assert updates[0].level in ("warn", "page")
    assert state.trial is None


def test_a_judge_that_scores_its_anchors_as_before_leaves_the_system() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, _ = followed(state, [True] * 12)

    state, told = rescored(state, rounds=PASSES, passed=True, start=10_000)

    assert [one.verdict for one in told if isinstance(one, Fired)] == ["system"]


def test_a_guard_without_anchors_ends_in_no_verdict() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)

    _, outcomes = followed(state, [True] * (SMALL.guard_scores + 12))

    assert [one.verdict for one in outcomes if isinstance(one, Fired)][-1] == "none"


def test_a_guard_is_as_long_as_anchors_need_however_fast_scores_come() -> None:
    trial = Trial(wanted=99, until=40, until_us=60, spread=spread_of([]))

    assert decided(trial, 41, 59) is None
    assert decided(trial, 39, 61) is None
    assert decided(trial, 41, 61) == "none"
    assert decided(replace(trial, anchors=ANCHORS_ENOUGH), 41, 61) == "system"


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


@pytest.mark.capability("O10")
def test_agreement_is_that_of_the_usual_verdicts() -> None:
    assert all(map(math.isnan, agreement(Judge())))
    share, kappa = agreement(Judge(table=(40, 10, 10, 40)))

    assert share == pytest.approx(0.8)
    assert kappa == pytest.approx(0.6)


def test_a_page_after_the_verdict_of_its_warning_begins_a_trial_of_its_own() -> None:
    """A false warning was the system's; the judge changes after it, and the page must not repeat the first verdict."""
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, _ = until_fired(state, "warn")
    state, told = rescored(state, rounds=PASSES, passed=True, start=10_000)
    assert verdicts_of(told) == ["system"]

    state, fired = until_fired(state, "page")
    assert verdicts_of(fired) == [None]
    _, told = rescored(state, rounds=PASSES, passed=False, start=20_000)

    assert verdicts_of(told) == ["judge"]


def test_a_trial_goes_on_after_a_checkpoint() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, _ = until_fired(state, "warn")
    state, _ = rescored(state, rounds=1, passed=True, start=10_000)
    assert state.trial is not None
    assert state.judge.verdicts.records

    read = STREAM.decode(STREAM.encode(state))

    assert read == state
    assert rescored(read, rounds=PASSES, passed=False, start=20_000) == rescored(
        state, rounds=PASSES, passed=False, start=20_000
    )


def test_a_record_of_layout_3_is_read_and_one_before_is_refused() -> None:
    state = replace(monitored(), judge_alarm=AlarmState(raised_index=7))
    older = changed(STREAM.encode(state), b'"judge_alarm":', b'"judge_latch":')

    assert STREAM.decode(older.replace(b"weir quality-stream 4 ", b"weir quality-stream 3 ")) == state
    with pytest.raises(StateError, match=r"layout \('quality-stream', 2\), expected \('quality-stream', 4\)"):
        STREAM.decode(older.replace(b"weir quality-stream 4 ", b"weir quality-stream 2 "))


def test_a_page_whose_judge_is_blamed_already_begins_no_trial() -> None:
    state = with_anchors(monitored(), rounds=2 * PASSES)
    state, _ = until_fired(state, "warn")
    state, _ = rescored(state, rounds=PASSES, passed=False, start=10_000)

    state, fired = until_fired(state, "page")

    assert (verdicts_of(fired), state.trial) == (["judge"], None)


def test_an_unchanged_judge_wins_nothing_in_the_mean_and_is_blamed_in_at_most_one_trial_of_forty() -> None:
    """Exact: over the tree of the verdicts on two anchors, each with the noise that its history says."""
    histories: dict[str, History] = {"sure": ((0, 3), (0, 3)), "borderline": ((1, 3), (0, 3), (1, 1))}
    spread = spread_of([*[histories["sure"]] * 90, *[histories["borderline"]] * 10])
    leaves: list[tuple[Trial, float]] = [(Trial(99, 99, 0, spread), 1.0)]
    for at_us, anchor_id in enumerate(["sure", "borderline"] * 3):
        grown = []
        for trial, weight in leaves:
            for failed in (True, False):
                after = heard(trial, anchor_id, histories[anchor_id], failed=failed, at_us=at_us)
                told = [one.get(anchor_id, AnchorRecord()).groups for one in (trial.new, after.new)]
                before, now = (chance(spread, histories[anchor_id], one) for one in told)
                grown.append((after, weight * now / before))
        leaves = grown

    assert sum(weight for _, weight in leaves) == pytest.approx(1.0)
    assert sum(weight * trial.e_value for trial, weight in leaves) == pytest.approx(1.0)
    blamed = sum(weight for trial, weight in leaves if decided(trial, 0, 0) == "judge")
    assert 0.0 < blamed <= FALSE_JUDGE_SHARE / TRIALS


@pytest.mark.capability("X3")
@pytest.mark.parametrize("noise", ["even", "uneven", "repeated"])
@pytest.mark.slow
def test_a_changed_system_is_not_blamed_on_a_judge_whatever_its_noise(noise: str) -> None:
    """At most 5 % are promised; 4 of 20 would be one chance in 60 at that."""
    verdicts = [verdict_of_case("system", 20, seed, noise=noise) for seed in range(2_000, 2_020)]

    assert verdicts.count("judge") < 4
    assert verdicts.count("system") > 16


@pytest.mark.capability("X3")
@pytest.mark.parametrize("noise", ["even", "uneven"])
@pytest.mark.slow
def test_a_judge_that_fails_5_points_more_is_found(noise: str) -> None:
    """95 % are asked for; less than 10 of 12 would be one chance in 50 at that."""
    verdicts = [verdict_of_case("judge", 5, seed, noise=noise) for seed in range(3_000, 3_012)]

    assert verdicts.count("judge") >= 10


def until_fired(state: ScoreStream, level: AlarmLevel) -> tuple[ScoreStream, list[Outcome]]:
    """The state right after the alarm of this level, and what was told with it."""
    while True:
        state, outcomes = followed(state, [True])
        if any(isinstance(one, Fired) and one.level is level for one in outcomes):
            return state, outcomes


def verdicts_of(outcomes: list[Outcome]) -> list[Verdict | None]:
    return [one.verdict for one in outcomes if isinstance(one, Fired)]


def with_anchors(state: ScoreStream, rounds: int) -> ScoreStream:
    return rescored(state, rounds, passed=True, start=0)[0]


def rescored(state: ScoreStream, rounds: int, *, passed: bool, start: int) -> tuple[ScoreStream, list[Outcome]]:
    told: list[Outcome] = []
    for number in range(rounds * len(NAMES)):
        name = NAMES[number % len(NAMES)]
        state, outcomes = step_anchor(state, anchor(start + number, passed=passed, anchor_id=name), SMALL)
        told += outcomes
    return state, told
