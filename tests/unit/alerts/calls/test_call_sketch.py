"""Quantiles of durations: within the stated error, whatever the order and the parts, in bounded memory."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.calls.sketch import (
    BIN_MAX,
    BIN_MIN,
    DURATION_MS_MAX,
    DURATION_MS_MIN,
    ERROR_SHARE,
    bin_of,
    quantile_ms,
)

DURATIONS = st.lists(st.floats(DURATION_MS_MIN, DURATION_MS_MAX), min_size=1, max_size=60)
SHARES = st.sampled_from([0.5, 0.95, 0.99])


@given(DURATIONS, SHARES)
def test_a_quantile_is_within_the_stated_error_of_the_true_one(durations: list[float], share: float) -> None:
    true_ms = sorted(durations)[int(share * (len(durations) - 1))]

    found_ms = quantile_ms(Counter(map(bin_of, durations)), share)

    assert abs(found_ms - true_ms) <= true_ms * ERROR_SHARE * (1 + 1e-6)


@given(st.lists(DURATIONS, min_size=1, max_size=4), SHARES)
def test_parts_in_any_order_are_the_whole(parts: list[list[float]], share: float) -> None:
    whole = Counter(bin_of(one) for part in parts for one in part)
    together: Counter[int] = Counter()
    for part in reversed(parts):
        together.update(map(bin_of, part))

    assert together == whole
    assert quantile_ms(together, share) == quantile_ms(whole, share)


@given(st.floats(-1e300, 1e300))
def test_no_duration_has_a_bin_outside_of_the_bound(duration_ms: float) -> None:
    assert BIN_MIN <= bin_of(duration_ms) <= BIN_MAX


def test_the_bins_are_as_many_as_the_bound_says() -> None:
    assert BIN_MAX - BIN_MIN + 1 == 1_145
