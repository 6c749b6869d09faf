"""The last event is the one that a loop over the events finds, however they are cut into calls."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors.last_event import IntArray, last_event

PLACES = 3
BEFORE = np.array([7, 8, 9]), np.array([70, 80, 90])

flags = st.lists(st.tuples(*[st.booleans()] * PLACES), min_size=1, max_size=8)


@given(flags)
def test_it_is_what_a_loop_over_the_events_finds(rows: list[tuple[bool, ...]]) -> None:
    times_us = 1_000 + 10 * np.arange(len(rows))
    index, time_us = last_event(np.array(rows), 100, times_us, BEFORE)
    for place in range(PLACES):
        numbers = [number for number, row in enumerate(rows) if row[place]]
        last = (100 + numbers[-1], 1_000 + 10 * numbers[-1]) if numbers else (BEFORE[0][place], BEFORE[1][place])
        assert (index[place], time_us[place]) == last


@given(flags, st.integers(0, 8))
def test_any_cut_gives_the_same_and_leaves_what_was_before(rows: list[tuple[bool, ...]], cut: int) -> None:
    true, times_us = np.array(rows), 10 * np.arange(len(rows))
    whole = last_event(true, 0, times_us, BEFORE)
    found: tuple[IntArray, IntArray] = BEFORE
    for start, part in ((0, true[:cut]), (cut, true[cut:])):
        if len(part):
            found = last_event(part, start, times_us[start:], found)
    np.testing.assert_array_equal(found, whole)
    np.testing.assert_array_equal(BEFORE, [[7, 8, 9], [70, 80, 90]])
