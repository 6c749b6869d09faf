"""Level: both intervals hold at all times at once in at least the promised share of streams."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.scores.level import Level, Levels, levels_observed, mean_score, observed, pass_rate

ALPHA = 0.1


@pytest.mark.parametrize("share", [0.5, 0.92])
@pytest.mark.slow
def test_the_pass_rate_is_missed_ever_in_at_most_the_promised_share_of_streams(share: float) -> None:
    def misses(seed: int) -> bool:
        generator, level = random.Random(seed), Level()
        for number in range(1, 301):
            level = observed(level, passed=generator.random() < share, value=1.0, alpha=ALPHA)
            if number % 5 == 0:
                interval = pass_rate(level, ALPHA)
                if not interval.low <= share <= interval.high:
                    return True
        return False

    assert sum(map(misses, range(200))) <= 200 * ALPHA


def test_the_mean_score_is_missed_ever_in_at_most_the_promised_share_of_streams() -> None:
    def misses(seed: int) -> bool:
        generator, level = random.Random(seed), Level()
        for _ in range(300):
            level = observed(level, passed=True, value=generator.betavariate(8, 2), alpha=ALPHA)
            interval = mean_score(level, ALPHA)
            if not interval.low <= 0.8 <= interval.high:
                return True
        return False

    assert sum(map(misses, range(200))) <= 200 * ALPHA


@given(st.lists(st.tuples(st.booleans(), st.floats(-1.0, 2.0)), max_size=80))
def test_intervals_lie_within_0_and_1_around_their_mean(scores: list[tuple[bool, float]]) -> None:
    level = Level()
    for passed, value in scores:
        level = observed(level, passed=passed, value=value, alpha=ALPHA)

    for interval in (pass_rate(level, ALPHA), mean_score(level, ALPHA)):
        assert 0.0 <= interval.low <= interval.mean <= interval.high <= 1.0
        assert interval.count == len(scores)


def test_more_scores_narrow_the_interval_to_a_useful_width() -> None:
    level = Level()
    for number in range(2_000):
        level = observed(level, passed=number % 10 != 0, value=0.7, alpha=0.05)

    rate, mean = pass_rate(level, 0.05), mean_score(level, 0.05)
    assert rate.low > 0.87
    assert rate.high < 0.93
    assert mean.high - mean.low < 0.02


def test_a_full_block_is_kept_until_the_next_says_enough() -> None:
    levels = Levels()
    for _ in range(105):
        levels = levels_observed(levels, passed=True, value=1.0, alpha=ALPHA, block=100)
    assert (levels.now.count, levels.before.count, levels.readable.count) == (5, 100, 100)

    for _ in range(5):
        levels = levels_observed(levels, passed=True, value=1.0, alpha=ALPHA, block=100)
    assert levels.readable.count == 10
