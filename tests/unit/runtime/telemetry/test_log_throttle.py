"""A library that repeats itself writes a few lines a window, and the next window says how many were left out."""

from __future__ import annotations

import logging

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from weir.runtime.telemetry.log_throttle import LINES_A_WINDOW, MESSAGES_MAX, WINDOW_S, LogThrottle, Window, count_line

DROPPED = "weir_log_lines_dropped_total"


def line(at_s: float, text: str = "no route to node 1", *values: object, logger: str = "kafka") -> logging.LogRecord:
    record = logging.LogRecord(logger, logging.ERROR, __file__, 1, text, values, None)
    record.created = at_s
    return record


def written(throttle: LogThrottle, records: list[logging.LogRecord]) -> list[str]:
    return [record.getMessage() for record in records if throttle.filter(record)]


@given(st.lists(st.floats(0.0, 5.0), max_size=200))
def test_every_line_is_written_or_counted(pauses_s: list[float]) -> None:
    now_s, window, shown, told = 0.0, None, 0, 0
    for pause_s in pauses_s:
        now_s += pause_s
        window, left_out = count_line(window, now_s)
        shown, told = shown + (not window.dropped), told + left_out
        assert window.began_s <= now_s < window.began_s + WINDOW_S
    assert shown + told + (window.dropped if window else 0) == len(pauses_s)


def test_a_window_writes_its_lines_and_the_next_says_how_many_were_left_out() -> None:
    throttle = LogThrottle()
    dropped = REGISTRY.get_sample_value(DROPPED, {"logger": "kafka"}) or 0.0
    assert (
        len(written(throttle, [line(0.01 * number, "no route to node %s", number) for number in range(500)]))
        == LINES_A_WINDOW
    )
    (first,) = written(throttle, [line(WINDOW_S + 0.01, "no route to node %s", 7)])
    assert first == "no route to node 7 (495 lines like this were left out before)"
    assert REGISTRY.get_sample_value(DROPPED, {"logger": "kafka"}) == dropped + 495


def test_messages_are_told_apart_by_logger_and_text_not_by_values() -> None:
    throttle = LogThrottle()
    many = [line(0.0, "lost %s", number) for number in range(LINES_A_WINDOW + 1)]
    assert len(written(throttle, many)) == LINES_A_WINDOW
    assert written(throttle, [line(0.0, "found %s", 1), line(0.0, "lost %s", 1, logger="http")]) == [
        "found 1",
        "lost 1",
    ]


def test_a_clock_that_goes_back_begins_a_window() -> None:
    assert count_line(Window(100.0, LINES_A_WINDOW + 3), 50.0) == (Window(50.0, 1), 3)


def test_memory_is_bounded_and_what_was_not_seen_for_longest_goes_first() -> None:
    throttle = LogThrottle()
    written(throttle, [line(0.0, "often")] * LINES_A_WINDOW)
    written(throttle, [line(0.0, f"once {number}") for number in range(MESSAGES_MAX - 1)])
    assert written(throttle, [line(0.0, "often")]) == []
    written(throttle, [line(0.0, f"another {number}") for number in range(MESSAGES_MAX)])
    assert len(throttle._windows) == MESSAGES_MAX
    assert len(written(throttle, [line(0.0, "often")])) == 1
