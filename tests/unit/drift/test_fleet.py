"""Fleet: the discovery rate and the false alarms of many streams stay within what is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.quality_paths import draws, weir_alarms
from weir.detectors.scores.bets import Wealth, factors, update
from weir.detectors.scores.settings import QualitySettings
from weir.drift.core.fleet import Budget, Rate, budget, discoveries, in_words

E_VALUES = st.lists(st.floats(0.0, 1e9), max_size=30)


@given(E_VALUES, st.floats(0.01, 0.5))
def test_the_named_are_the_largest_and_reach_the_bound(e_values: list[float], fdr: float) -> None:
    named = discoveries(e_values, fdr)

    assert len(named) == len(set(named))
    if named:
        least = min(e_values[index] for index in named)
        assert least * len(named) * fdr >= len(e_values)
        assert all(value <= least for index, value in enumerate(e_values) if index not in named)


@given(E_VALUES, st.floats(0.01, 0.25))
def test_a_laxer_rate_names_at_least_as_many(e_values: list[float], fdr: float) -> None:
    assert set(discoveries(e_values, fdr)) <= set(discoveries(e_values, 2 * fdr))


@pytest.mark.capability("X2")
@pytest.mark.capability("O6")
@pytest.mark.slow
def test_the_share_of_false_discoveries_stays_within_the_rate() -> None:
    """60 fleets of 40 streams, 10 of which have changed; e-values of the service's own bets, read at a random time."""
    rng, shares, found = np.random.default_rng(5), [], 0
    for _ in range(60):
        changed = np.arange(40) < 10
        e_values = [e_value(rng, 0.3 if is_changed else 0.1, int(rng.integers(50, 120))) for is_changed in changed]
        named = discoveries(e_values, 0.2)
        shares.append(sum(not changed[index] for index in named) / max(len(named), 1))
        found += sum(changed[index] for index in named)

    assert np.mean(shares) <= 0.2
    assert found > 60 * 5


@pytest.mark.capability("X2")
def test_false_alarms_of_many_streams_stay_within_steps_over_the_arl() -> None:
    settings = QualitySettings(warn_arl_scores=400.0, reference_scores=1_000)
    rng = np.random.default_rng(6)

    alarms = weir_alarms(rng.binomial(1_000, 0.1, 300), draws(rng, 0.1, 300, 400), settings)

    bound = budget([Rate(400.0, int(alarms.at.sum()), 86_400.0)], 0.0).false_alarms_per_day
    assert 0 < alarms.fired.sum() <= bound


def test_a_budget_is_the_sum_over_streams_and_says_the_arl_that_keeps_it() -> None:
    told = budget([Rate(1_000.0, 500, 43_200.0), Rate(100.0, 50, 86_400.0)], per_day_max=1.0)

    assert told == Budget(1_050.0, 1.5, 1.0, 1_050.0)
    assert not told.is_kept
    assert budget([Rate(1_050.0, 1_050, 86_400.0)], 1.0).is_kept
    words = in_words(2, 1, 0.05, told)
    assert "at most 1.5 false pages a day" in words
    assert "set a page ARL of 1,050 or more" in words
    assert "The budget of 1 a day is kept." in in_words(1, 0, 0.05, budget([Rate(9e9, 1, 1.0)], 1.0))


def test_a_burst_is_no_days_traffic() -> None:
    assert Rate(1.0, 10, 1.0).steps_per_day == 240.0


@pytest.mark.parametrize(("e_values", "fdr"), [([1.0], 0.0), ([1.0], 1.0), ([-0.1], 0.05)])
def test_what_is_no_rate_or_no_e_value_is_refused(e_values: list[float], fdr: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        discoveries(e_values, fdr)


def e_value(rng: np.random.Generator, bad_share: float, length: int) -> float:
    wealth = Wealth()
    for index in range(length):
        bets = factors(0.1, is_bad=bool(rng.random() < bad_share))
        wealth = update(wealth, bets, index=index, time_us=index, wealth_max=1e18)
    return wealth.e_value
