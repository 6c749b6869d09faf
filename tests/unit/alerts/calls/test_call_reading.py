"""The value of each measure over a window, and when it is unknown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed
from weir.alerts.core.calls.explanation import unknown_for
from weir.alerts.core.calls.pane import EXAMPLES_MAX, Pane, pane_from, pane_record
from weir.alerts.core.calls.reading import Reading, read
from weir.alerts.core.calls.sample import check_call, example_of, sample_of
from weir.assets.call_condition import CallCondition
from weir.events import InferenceCompleted, InvalidEvent

S = 1_000_000
END = 1_000_020 * S
"""A moment at which a pane of any window here ends."""
PLAIN: dict[str, Any] = {
    "measure": "latency_p95_ms", "op": ">", "value": 1.0, "window_s": 60.0, "calls_min": 1, "by": ("route",),
}  # fmt: skip


def condition(**changes: Any) -> CallCondition:
    return CallCondition(**{**PLAIN, **changes})


def reading_of(asked: CallCondition, calls: list[tuple[int, InferenceCompleted]]) -> Reading:
    """calls: each with the time of its end, seconds before the end of the window."""
    panes: dict[int, Pane] = {}
    for before_s, call in calls:
        sample = sample_of(asked, call)
        if sample is not None:
            start_us = (END - before_s * S) // asked.pane_us * asked.pane_us
            panes.setdefault(start_us, Pane()).add(sample, example_of(sample, call, ""))
    return read(asked, panes, END)


def mixed() -> list[tuple[int, InferenceCompleted]]:
    """Ten calls in the window: six ok, one each of the other outcomes but refused, one refused; and one before it."""
    outcomes = ("ok",) * 6 + ("failed", "upstream_lost", "cancelled", "refused")
    calls = [
        completed(seq, outcome=outcome, latency_ms=100.0 * (seq + 1), time_to_first_token_ms=10.0 if seq < 2 else None,
                  input_tokens=10 if seq < 4 else None, output_tokens=5 if seq < 3 else None)
        for seq, outcome in enumerate(outcomes)
    ]  # fmt: skip
    return [(6 * (seq + 1), call) for seq, call in enumerate(calls)] + [
        (66, completed(99, latency_ms=9e6, outcome="failed"))
    ]


@pytest.mark.parametrize(
    ("measure", "value", "known", "calls"),
    [
        ("latency_p50_ms", 500.0, 9, 9),
        ("latency_p95_ms", 800.0, 9, 9),
        ("first_token_p99_ms", 10.0, 2, 9),
        ("error_rate", 2 / 9, 9, 9),
        ("refusal_rate", 1 / 10, 10, 10),
        ("calls_per_min", 9.0, 9, 9),
        ("input_tokens_per_min", 40.0, 4, 9),
        ("output_tokens_per_min", 15.0, 3, 9),
        ("total_tokens_per_min", 45.0, 3, 9),
    ],
)
def test_each_measure_over_the_window(measure: str, value: float, known: int, calls: int) -> None:
    reading = reading_of(condition(measure=measure), mixed())

    assert reading.value == pytest.approx(value, rel=0.01)
    assert (reading.known, reading.calls) == (known, calls)


@pytest.mark.parametrize(("calls_min", "is_known"), [(9, True), (10, False)])
def test_below_the_minimum_count_it_is_unknown(calls_min: int, is_known: bool) -> None:
    reading = reading_of(condition(calls_min=calls_min), mixed())

    assert (reading.value is not None) == is_known


@pytest.mark.parametrize(
    ("measure", "op", "is_known"),
    [("calls_per_min", "<", False), ("total_tokens_per_min", "<=", False), ("calls_per_min", ">", True),
     ("latency_p95_ms", "<", True), ("error_rate", "<", True)],
)  # fmt: skip
def test_a_count_of_a_part_of_a_window_is_not_known_to_be_low(measure: str, op: str, is_known: bool) -> None:
    asked, since_us = condition(measure=measure, op=op), END - 60 * S + 1
    panes = {END - 6 * S: Pane(calls=9, known=9, total=9.0, bins={100: 9} if "latency" in measure else {})}

    assert (read(asked, panes, END, since_us).value is not None) == is_known
    assert read(asked, panes, END, since_us).is_new == (not is_known)
    assert read(asked, panes, END, since_us - 1).value is not None


@pytest.mark.parametrize(
    ("is_new", "waited_us", "reason"),
    [(False, 0, "too few calls: whether"), (False, 90 * S, "too few calls for 90 s: whether"),
     (True, 0, "watched for less than a window: whether")],
)  # fmt: skip
def test_why_a_value_is_not_known(is_new: bool, waited_us: int, reason: str) -> None:
    assert reason in unknown_for(Reading(END, None, 1, 1, is_new=is_new), waited_us)


def test_no_calls_at_all_are_unknown_but_for_the_count_itself() -> None:
    assert reading_of(condition(), []).value is None
    assert reading_of(condition(measure="calls_per_min", calls_min=0, op="<"), []).value == 0.0


def burn(calls: list[tuple[int, InferenceCompleted]], **changes: Any) -> Reading:
    asked = {"measure": "burn_rate", "objective": 0.9, "window_s": 600.0, "short_window_s": 60.0, **changes}
    return reading_of(condition(**asked), calls)


def test_a_burn_rate_is_the_lower_of_its_two_windows() -> None:
    old = [(120, completed(seq, outcome="failed")) for seq in range(10)]
    new = [(30, completed(100 + seq, outcome="failed" if seq == 0 else "ok")) for seq in range(10)]

    both = burn([*old, *new])

    assert both.long == pytest.approx(11 / 20 / 0.1)
    assert both.short == pytest.approx(1 / 10 / 0.1)
    assert both.value == both.short


@pytest.mark.parametrize("calls_min", [1, 15])
def test_a_burn_rate_without_enough_calls_in_the_short_window_is_unknown(calls_min: int) -> None:
    old = [(120, completed(seq, outcome="failed")) for seq in range(20)]
    few = [] if calls_min == 1 else [(30, completed(100))]

    assert burn([*old, *few], calls_min=calls_min).value is None


CALLS = st.lists(
    st.builds(
        completed, st.integers(0, 10**6), latency_ms=st.floats(0, 1e7),
        outcome=st.sampled_from(["ok", "failed", "refused", "cancelled"]), output_tokens=st.none() | st.integers(0, 10**6),
    ), max_size=30,
)  # fmt: skip


@given(
    CALLS, st.sampled_from(["latency_p99_ms", "error_rate", "output_tokens_per_min"]), st.randoms(use_true_random=False)
)
def test_a_pane_does_not_depend_on_the_order_and_survives_its_store(
    calls: list[InferenceCompleted], measure: str, random: Any
) -> None:
    asked = condition(measure=measure)
    forwards, backwards = Pane(), Pane()
    shuffled = list(calls)
    random.shuffle(shuffled)
    for pane, order in ((forwards, calls), (backwards, shuffled)):
        for call in order:
            if (sample := sample_of(asked, call)) is not None:
                pane.add(sample, example_of(sample, call, ""))

    assert len(forwards.examples) <= EXAMPLES_MAX
    first, second = pane_record(forwards), pane_record(backwards)
    assert first["total"] == pytest.approx(second["total"])
    assert {**first, "total": 0} == {**second, "total": 0}
    assert pane_record(pane_from(first)) == first
    assert pane_record(forwards.copy()) == first


@pytest.mark.parametrize(
    "wrong",
    [
        {"known": 3},
        {"calls": -1},
        {"bins": [[1, 2]]},
        {"bins": [[99999, 1]]},
        {"examples": [{"amount": 1}]},
        {"total": None},
    ],
)
def test_a_record_that_is_no_pane_is_refused(wrong: dict[str, Any]) -> None:
    record = {**pane_record(Pane(calls=2, known=1, total=1.0)), **wrong}

    with pytest.raises((ValueError, TypeError)):
        pane_from(record)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"event_time_us": 1}, "event_time_us is 1"),
        ({"latency_ms": float("nan")}, "latency_ms nan; expected a finite number"),
        ({"time_to_first_token_ms": float("inf")}, "time_to_first_token_ms inf"),
        ({"route": "\ud800"}, "a name that is no text"),
    ],
)
def test_a_call_that_no_alert_can_carry_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidEvent, match=words):
        check_call(completed(**fields))
