"""The drain rests in proportion to its work, and never for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.gateway.drain import REST_S_MAX, rest_s

WORKED_S = st.floats(0.0, 1_000.0)
SHARES = st.floats(0.01, 1.0)


@given(WORKED_S, SHARES)
def test_work_is_the_share_of_the_time_unless_the_rest_would_be_long(worked_s: float, share: float) -> None:
    rest = rest_s(worked_s, share)

    assert 0.0 <= rest <= REST_S_MAX
    assert worked_s >= share * (worked_s + rest) - 1e-9
    if rest < REST_S_MAX:
        assert worked_s == pytest.approx(share * (worked_s + rest))


def test_the_whole_time_is_no_rest() -> None:
    assert rest_s(7.0, 1.0) == 0.0


def test_two_fifths_of_the_time_rest_half_as_long_again() -> None:
    assert rest_s(0.1, 0.4) == pytest.approx(0.15)
