"""The e-detector keeps its theorem in simulation: wealth minus time has mean 0 or less, no early false alarms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.e_detector import (
    EXPONENTS,
    STAKES,
    EDetector,
    channel_wealth,
    follow,
    leading_bet,
    log_bets,
    new_detector,
    p_slack,
    restarted,
)
from weir.detectors.reference import FloatArray

UNCAPPED = 1e300
NO_SLACK = np.zeros((1, 1))
TIMES = np.arange(30, dtype=np.int64)
BOTH_SIDES = np.array([[0.5, 0.5]])


def _update(
    detector: EDetector, p: FloatArray, slack: FloatArray, *, index: int, time_us: int, wealth_max: float
) -> EDetector:
    """The detector after one event with p-values `p` (channels,), NaN where a channel skips the event."""
    return follow(detector, p[None], slack, wealth_max).at(0, index, np.array([time_us], dtype=np.int64))


def _fold(p: FloatArray, wealth_max: float = UNCAPPED) -> EDetector:
    """The detector after p-values (events, channels); channels serve as independent streams here."""
    detector = new_detector(p.shape[1])
    for i, row in enumerate(p, start=1):
        detector = _update(detector, row, NO_SLACK, index=i, time_us=i * 10, wealth_max=wealth_max)
    return detector


def test_every_bet_has_mean_one_under_uniform_p() -> None:
    # The integral of eps * p ** (eps - 1) over (0, 1), by the substitution p = u ** (1 / eps).
    for eps in EXPONENTS:
        u = (np.arange(10_000) + 0.5) / 10_000
        p = u ** (1.0 / eps)
        density = (1.0 / eps) * u ** (1.0 / eps - 1.0)
        assert np.mean(eps * p ** (eps - 1.0) * density) == pytest.approx(1.0)


def test_a_partial_stake_keeps_the_mean_of_one() -> None:
    # Substituted p = u ** 8, so that even the smallest exponent is summed exactly enough.
    u = (np.arange(200_000)[:, None] + 0.5) / 200_000
    bets = np.exp(log_bets(u**8, NO_SLACK))[:, 0, 0]
    np.testing.assert_allclose((bets * 8 * u**7).mean(axis=0), 1.0, rtol=2e-3)
    assert (bets >= 1.0 - STAKES).all()


def test_slack_raises_every_p_value_and_less_the_more_is_known() -> None:
    p = np.array([[1e-6, 0.3, 1.0 - 1e-6]])
    plain, few, many = (log_bets(p, np.full((1, 1), slack)) for slack in (0.0, p_slack(200), p_slack(20_000)))
    assert (few <= many).all()
    assert (many <= plain).all()
    assert (few[0, 1] < plain[0, 1]).all()


def test_with_slack_most_references_leave_no_bet_that_wins_without_change() -> None:
    # Given the reference, the chance of each gap between its scores is flat Dirichlet, and p is uniform within a gap.
    rng, size, fine = np.random.default_rng(10), 200, 64
    chances = rng.dirichlet(np.ones(size + 1), size=2_000)
    p = ((np.arange((size + 1) * fine) + 0.5) / ((size + 1) * fine))[:, None]
    winning = []
    for slack in (0.0, p_slack(size)):
        bets = np.exp(log_bets(p, np.full((1, 1), slack)))[:, 0, 0].reshape(size + 1, fine, -1).mean(axis=1)
        winning.append((chances @ bets > 1.0).mean(axis=0))
    assert (winning[1] < 0.2).all()
    assert (winning[1] < winning[0] / 2).all()


def test_nobody_bets_on_a_side_without_slack() -> None:
    found = log_bets(np.array([[0.01]]), np.array([[0.0, np.nan]]))
    assert np.isnan(found[0, 0, 1]).all()
    detector = follow(new_detector(1), np.full((30, 1), 0.99), np.array([[0.0, np.nan]]), UNCAPPED).at(29, 1, TIMES)
    assert (detector.wealth[0, 1] == 0.0).all()
    assert (detector.wealth[0, 0] > 0.0).all()


@pytest.mark.capability("X2")
def test_wealth_minus_time_has_mean_at_most_zero() -> None:
    # The exponents whose bets have finite variance, else a sample mean says nothing; 20,000 streams of 20 events.
    rng = np.random.default_rng(12)
    streams, events = 20_000, 20
    wealth = _fold(rng.random((events, streams))).wealth[:, :, EXPONENTS > 0.5].mean(axis=(1, 2))
    standard_error = wealth.std() / np.sqrt(streams)
    assert abs(wealth.mean() - events) < 4.0 * standard_error


@pytest.mark.capability("X2")
def test_run_length_to_a_false_alarm_is_at_least_the_threshold() -> None:
    threshold, streams, events = 200.0, 400, 2_000
    rng = np.random.default_rng(13)
    detector, first = new_detector(streams), np.full(streams, events)
    for i in range(1, events + 1):
        detector = _update(detector, rng.random(streams), NO_SLACK, index=i, time_us=i, wealth_max=UNCAPPED)
        first = np.where((channel_wealth(detector.wealth, BOTH_SIDES) >= threshold) & (first == events), i, first)
    # Censored at the end, which only shortens the mean.
    assert first.mean() >= threshold


@given(st.lists(st.floats(1e-12, 1 - 1e-12), min_size=1, max_size=50))
def test_finite_and_not_negative_for_all_p_values(values: list[float]) -> None:
    detector = _fold(np.array(values)[:, None], wealth_max=1e9)
    assert np.isfinite(detector.run_log).all()
    assert ((detector.wealth >= 0.0) & (detector.wealth <= 1e9)).all()


@pytest.mark.parametrize(("p", "side"), [(0.02, 0), (0.98, 1)])
def test_finds_a_change_of_either_side_and_its_beginning(p: float, side: int) -> None:
    quiet = np.random.default_rng(14).random((300, 1))
    detector = _fold(np.concatenate((quiet, np.full((12, 1), p))))
    assert channel_wealth(detector.wealth, BOTH_SIDES)[0] > 1e5
    leader, bet = leading_bet(detector, 0)
    assert leader == side
    assert detector.run_start[0, leader, bet] == pytest.approx(301, abs=10)
    assert detector.run_start_us[0, leader, bet] == 10 * detector.run_start[0, leader, bet]


def test_a_skipped_event_changes_nothing() -> None:
    before = _fold(np.random.default_rng(15).random((20, 2)))
    after = _update(before, np.array([np.nan, 0.3]), NO_SLACK, index=21, time_us=210, wealth_max=UNCAPPED)
    for name in ("wealth", "run_log", "run_start", "run_start_us"):
        np.testing.assert_array_equal(getattr(after, name)[0], getattr(before, name)[0])
    assert (after.wealth[1] != before.wealth[1]).any()


def test_restarting_takes_the_wealth_only() -> None:
    before = _fold(np.full((20, 1), 0.01))
    after = restarted(before)
    assert channel_wealth(after.wealth, BOTH_SIDES)[0] == 0.0
    np.testing.assert_array_equal(after.run_start, before.run_start)
