"""Noise: what an anchor has shown says how likely its next verdicts are, and what all showed says the rest."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.scores.noise import RATES, REPEATS, History, chance, likelihoods, repeats_of, spread_of

GROUPS = st.integers(1, 4).flatmap(lambda count: st.tuples(st.integers(0, count), st.just(count)))
HISTORIES = st.lists(GROUPS, max_size=4).map(tuple)

SURE: History = ((0, 3), (0, 3))
HESITATES: History = ((1, 3), (2, 3))


@given(st.lists(HISTORIES, max_size=20))
@pytest.mark.slow
def test_the_spread_is_a_distribution_that_rules_nothing_out(histories: list[History]) -> None:
    spread = spread_of(histories)

    assert len(spread) == len(RATES) * len(REPEATS)
    assert math.fsum(spread) == pytest.approx(1.0)
    assert math.fsum(repeats_of(spread)) == pytest.approx(1.0)
    assert spread == spread_of(reversed(histories))


@given(HISTORIES, HISTORIES, st.integers(0, 3), st.integers(1, 3))
def test_the_next_verdict_is_a_fail_or_a_pass(history: History, new: History, fails: int, more: int) -> None:
    """Whether it belongs to the last scoring of the set or begins one: the chances of both add up to that before it."""
    spread, count = spread_of([history, SURE, HESITATES]), fails + more

    def of(*last: tuple[int, int]) -> float:
        return chance(spread, history, (*new, *last))

    assert of((0, 1)) + of((1, 1)) == pytest.approx(of())
    assert of((fails + 1, count + 1)) + of((fails, count + 1)) == pytest.approx(of((fails, count)))


def test_an_anchor_that_hesitated_is_expected_to_fail_again() -> None:
    spread = spread_of([SURE] * 90 + [HESITATES] * 10)

    assert chance(spread, HESITATES, ((3, 3),)) > 0.05
    assert chance(spread, SURE, ((3, 3),)) < 0.001


def test_a_judge_that_repeats_itself_is_expected_to_fail_thrice_at_once() -> None:
    """The same shares of fails: whole scorings of some anchors, or single verdicts of many."""
    at_once = spread_of([SURE] * 90 + [((0, 3), (3, 3))] * 4)
    apart = spread_of([SURE] * 82 + [((0, 3), (1, 3))] * 12)

    assert repeats_of(at_once)[-1] > 0.9
    assert repeats_of(apart)[0] > 0.9
    assert chance(at_once, SURE, ((3, 3),)) > 50 * chance(apart, SURE, ((3, 3),))


def test_likelihoods_are_those_of_independent_verdicts_or_of_one() -> None:
    never, _, nearly_always = likelihoods((0.25,), ((1, 2), (2, 2)))

    assert never == pytest.approx(0.25 * 0.75 * 0.25**2)
    assert nearly_always == pytest.approx(0.05 * 0.25 * 0.75 * (0.05 * 0.25**2 + 0.95 * 0.25))
