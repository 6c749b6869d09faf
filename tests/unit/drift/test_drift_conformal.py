"""P-values of exchangeable data are uniform, whatever the distribution and the ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from weir.detectors.conformal import Ranking

DRAWS = 2_000


@pytest.mark.parametrize("kind", ["normal", "cauchy", "few values", "constant"])
def test_uniform_for_exchangeable_scores(kind: str) -> None:
    rng = np.random.default_rng(11)
    shape = (DRAWS, 51)
    drawn = {
        "normal": rng.standard_normal(shape),
        "cauchy": rng.standard_cauchy(shape),
        "few values": rng.integers(0, 3, size=shape).astype(np.float64),
        "constant": np.zeros(shape),
    }[kind]
    uniforms = rng.random(DRAWS)
    found = [
        Ranking([np.sort(row[1:])]).p_values(row[:1, None], uniforms[i : i + 1])[0, 0] for i, row in enumerate(drawn)
    ]
    assert kstest(found, "uniform").pvalue > 0.01


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.floats(-1e6, 1e6),
    st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
)
def test_inside_the_unit_interval_and_mirrored(reference: list[float], score: float, uniform: float) -> None:
    ordered = np.sort(np.array(reference))
    forward = Ranking([ordered]).p_values(np.array([[score]]), np.array([uniform]))[0, 0]
    backward = Ranking([-ordered[::-1]]).p_values(np.array([[-score]]), np.array([1.0 - uniform]))[0, 0]
    assert 0.0 < forward < 1.0
    assert forward + backward == pytest.approx(1.0)


def test_larger_scores_have_smaller_p_values() -> None:
    found = Ranking([np.array([0.0, 1.0, 2.0])]).p_values(np.array([[-1.0], [1.5], [9.0]]), np.full(3, 0.5))
    np.testing.assert_allclose(found[:, 0], [3.5 / 4, 1.5 / 4, 0.5 / 4])


def test_no_score_and_no_reference_give_no_p_value() -> None:
    found = Ranking([np.arange(3.0), np.zeros(0), np.arange(3.0)]).p_values(
        np.array([[np.nan, 1.0, 1.0]]), np.array([0.5])
    )
    np.testing.assert_array_equal(np.isnan(found), [[True, True, False]])


few_numbers = st.sampled_from([-2.0, -0.0, 0.0, 1.0, 1.0 + 2**-52, 1e300])


@given(
    st.lists(st.lists(few_numbers, max_size=12), min_size=1, max_size=4),
    st.lists(st.tuples(*[few_numbers] * 4), min_size=1, max_size=5),
    st.floats(0.01, 0.99),
)
def test_each_channel_is_ranked_in_its_own_reference(
    references: list[list[float]], events: list[tuple[float, ...]], uniform: float
) -> None:
    channels = len(references)
    scores = np.array([event[:channels] for event in events])
    ranking, uniforms = Ranking([np.sort(one) for one in references]), np.full(len(events), uniform)
    found = ranking.p_values(scores, uniforms)
    alone = [ranking.p_values(scores[[place]], uniforms[:1])[0] for place in range(len(events))]
    np.testing.assert_array_equal(found, alone)  # to the last bit
    for row, values in zip(scores.tolist(), found.tolist(), strict=True):
        for score, value, reference in zip(row, values, references, strict=True):
            if not reference:
                assert np.isnan(value)
                continue
            above, equal = sum(one > score for one in reference), sum(one == score for one in reference)
            assert value == pytest.approx((above + uniform * (equal + 1)) / (len(reference) + 1))
