"""Event time on the topic of calls: it never goes back, no partition is left behind, an idle topic passes time too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.alerts.core.calls.clock import WAIT_US, Clock, hear, pass_time, start_again

S = 1_000_000
NOW = 1_000_000 * S
EVENTS = st.lists(st.tuples(st.integers(0, 3), st.integers(NOW - 500 * S, NOW + 500 * S), st.integers(0, 5 * S)))


@given(EVENTS)
def test_the_mark_never_goes_back_and_is_never_ahead_of_the_processing_clock(
    events: list[tuple[int, int, int]],
) -> None:
    clock, at_us = Clock(), NOW
    for partition, time_us, later_us in events:
        at_us += later_us
        after = hear(clock, partition, time_us, at_us)
        assert clock.mark_us <= after.mark_us <= at_us
        clock = after


@given(EVENTS, st.integers(10 * S, 600 * S))
def test_what_is_ahead_of_the_boundary_fits_a_window(events: list[tuple[int, int, int]], window_us: int) -> None:
    clock, pane_us = Clock(), window_us // 10
    for partition, time_us, _ in events:
        clock = hear(clock, partition, time_us, NOW)
        newest_us = max(one.newest_us for one in clock.heard.values())
        assert newest_us - clock.boundary_us(window_us, pane_us) < window_us + pane_us


def test_the_slowest_partition_is_waited_for_while_it_says_something() -> None:
    clock = hear(hear(Clock(), 0, NOW - 100 * S, NOW), 1, NOW - 10 * S, NOW)
    assert clock.mark_us == NOW - 100 * S

    assert hear(clock, 0, NOW - 50 * S, NOW + S).mark_us == NOW - 50 * S
    assert hear(clock, 1, NOW, NOW + WAIT_US).mark_us == NOW


def test_an_idle_topic_passes_time_with_the_processing_clock() -> None:
    clock = hear(Clock(), 0, NOW - S, NOW)

    assert pass_time(clock, NOW + 20 * S).mark_us == NOW + 19 * S
    assert pass_time(clock, NOW + 10 * WAIT_US).mark_us == NOW + 10 * WAIT_US - S


def test_nothing_passes_before_anything_was_heard() -> None:
    assert pass_time(Clock(), NOW) == Clock()


def test_the_time_without_a_process_is_no_idle_time() -> None:
    hour_us = 3_600 * S

    clock = start_again(NOW - hour_us, {0: NOW - hour_us}, NOW)

    assert pass_time(clock, NOW + S).mark_us == NOW - hour_us + S


def test_a_call_from_the_future_counts_as_now() -> None:
    assert hear(Clock(), 0, NOW + 1_000 * S, NOW).mark_us == NOW
