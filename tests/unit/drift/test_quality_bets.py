"""Bets: whatever the true share of bad scores up to the baseline, nobody gets rich on it in the mean."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.scores.bets import DROPS, Wealth, factors, update

RATES = st.floats(0.001, 0.9)


@given(RATES, st.floats(0.0, 1.0))
@pytest.mark.capability("O6")
def test_no_bet_gains_in_the_mean_while_the_share_is_at_most_the_baseline(baseline: float, part: float) -> None:
    share = baseline * part
    means = [
        share * bad + (1.0 - share) * good
        for bad, good in zip(factors(baseline, is_bad=True), factors(baseline, is_bad=False), strict=True)
    ]

    assert max(means) <= 1.0 + 1e-12


@given(RATES)
def test_every_bet_gains_in_the_mean_under_the_drop_that_it_supposes(baseline: float) -> None:
    for number, drop in enumerate(DROPS):
        share = baseline + (1.0 - baseline) * drop
        bad, good = factors(baseline, is_bad=True)[number], factors(baseline, is_bad=False)[number]

        assert share * bad + (1.0 - share) * good > 1.0


@pytest.mark.capability("X2")
@pytest.mark.parametrize("share", [0.05, 0.1, 0.3])
def test_the_means_of_both_statistics_over_all_sequences_are_bounded(share: float) -> None:
    length = 10
    mean_e, mean_r = 0.0, 0.0
    for sequence in product((False, True), repeat=length):
        wealth = after(sequence, baseline=share)
        chance = share ** sum(sequence) * (1.0 - share) ** (length - sum(sequence))
        mean_e += chance * wealth.e_value
        mean_r += chance * wealth.statistic

    assert mean_e == pytest.approx(1.0)
    assert mean_r == pytest.approx(length)


def test_the_run_of_the_wealthiest_bet_begins_where_the_fails_do() -> None:
    wealth = after((False,) * 30 + (True,) * 5, baseline=0.1)

    assert wealth.since == (31, 3_100)


def test_wealth_is_capped() -> None:
    assert max(after((True,) * 50, baseline=0.01, wealth_max=1e4).restarted) == 1e4


def after(sequence: tuple[bool, ...], baseline: float, wealth_max: float = 1e18) -> Wealth:
    wealth = Wealth()
    for index, is_bad in enumerate(sequence, start=1):
        bets = factors(baseline, is_bad=is_bad)
        wealth = update(wealth, bets, index=index, time_us=index * 100, wealth_max=wealth_max)
    return wealth
