"""Baseline: it learns late, forgets what waited through an alarm, and stops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.scores.baseline import RATE_MAX, Baseline, collected, followed, forgetting_waiting, rate

BITS = st.lists(st.booleans(), max_size=60)


@given(BITS, st.integers(0, 20))
def test_exactly_the_scores_older_than_the_lag_have_joined(bits: list[bool], lag: int) -> None:
    baseline = Baseline(3, 30)
    for is_bad in bits:
        baseline = followed(baseline, is_bad=is_bad, lag=lag, count_max=1_000)

    joined = bits[: max(0, len(bits) - lag)]
    assert (baseline.bad, baseline.count) == (3 + sum(joined), 30 + len(joined))
    assert baseline.waiting_count == min(lag, len(bits))


@given(BITS)
def test_it_never_grows_past_its_bound(bits: list[bool]) -> None:
    baseline = Baseline(3, 30)
    for is_bad in bits:
        baseline = followed(baseline, is_bad=is_bad, lag=2, count_max=40)

    assert baseline.count <= 40


def test_what_waited_through_an_alarm_never_joins() -> None:
    baseline = Baseline(3, 30)
    for _ in range(5):
        baseline = followed(baseline, is_bad=True, lag=5, count_max=1_000)
    baseline = forgetting_waiting(baseline)
    for _ in range(6):
        baseline = followed(baseline, is_bad=False, lag=5, count_max=1_000)

    assert (baseline.bad, baseline.count) == (3, 31)


@given(st.integers(0, 500), st.integers(0, 500), st.floats(0.0, 3.0))
def test_the_rate_is_a_probability_above_the_share_and_falls_with_more_scores(
    bad: int, good: int, margin: float
) -> None:
    few = rate(Baseline(bad, bad + good), margin)
    many = rate(Baseline(bad * 100, (bad + good) * 100), margin)

    assert 0.0 < few <= RATE_MAX
    assert many <= max(few, bad / max(bad + good, 1)) + 0.01


def test_warm_up_scores_join_at_once() -> None:
    baseline = collected(collected(Baseline(), is_bad=True), is_bad=False)

    assert (baseline.bad, baseline.count) == (1, 2)
    assert rate(baseline, 0.0) == pytest.approx(0.5)
