"""Numbers from identifiers are uniform, repeatable and independent between salts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kstest

from weir.detectors.uniform import uniform_of


@given(st.text(), st.text())
def test_always_strictly_inside_and_repeatable(identifier: str, salt: str) -> None:
    number = uniform_of(identifier, salt)
    assert 0.0 < number < 1.0
    assert number == uniform_of(identifier, salt)


def test_uniform_over_ids_and_independent_of_the_salt() -> None:
    one = np.array([uniform_of(f"event-{i}", "one") for i in range(5_000)])
    other = np.array([uniform_of(f"event-{i}", "other") for i in range(5_000)])
    assert kstest(one, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
