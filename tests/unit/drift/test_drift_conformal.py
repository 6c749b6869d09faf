"""P-values of exchangeable data are uniform, whatever the distribution and the ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from weir.drift.core.conformal import p_values

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
    found = [p_values(row[:1, None], [np.sort(row[1:])], uniforms[i : i + 1])[0, 0] for i, row in enumerate(drawn)]
    assert kstest(found, "uniform").pvalue > 0.01


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30),
    st.floats(-1e6, 1e6),
    st.floats(0.0, 1.0, exclude_min=True, exclude_max=True),
)
def test_inside_the_unit_interval_and_mirrored(reference: list[float], score: float, uniform: float) -> None:
    ordered = np.sort(np.array(reference))
    forward = p_values(np.array([[score]]), [ordered], np.array([uniform]))[0, 0]
    backward = p_values(np.array([[-score]]), [-ordered[::-1]], np.array([1.0 - uniform]))[0, 0]
    assert 0.0 < forward < 1.0
    assert forward + backward == pytest.approx(1.0)


def test_larger_scores_have_smaller_p_values() -> None:
    found = p_values(np.array([[-1.0], [1.5], [9.0]]), [np.array([0.0, 1.0, 2.0])], np.full(3, 0.5))
    np.testing.assert_allclose(found[:, 0], [3.5 / 4, 1.5 / 4, 0.5 / 4])


def test_no_score_and_no_reference_give_no_p_value() -> None:
    found = p_values(np.array([[np.nan, 1.0, 1.0]]), [np.arange(3.0), np.zeros(0), np.arange(3.0)], np.array([0.5]))
    np.testing.assert_array_equal(np.isnan(found), [[True, True, False]])
