"""Law: whatever reading a payload raises, it is one InvalidEvent; and the ledger counts only numbers that events may hold."""

from __future__ import annotations

import pytest

from harness.samples.builders import NOON_US
from weir.capture.payload import demand_numbers, record_in
from weir.events import InvalidEvent
from weir.events.ranges import COUNT_MAX, SOURCE_CHARS_MAX, TIME_END_US


@pytest.mark.parametrize(
    "error", [KeyError("kind"), RecursionError(), OverflowError(), InvalidEvent("undecodable", "no")]
)
def test_whatever_is_raised_the_payload_is_undecodable(error: Exception) -> None:
    def read(_: bytes) -> object:
        raise error

    with pytest.raises(InvalidEvent) as told:
        record_in(b"12345", read)
    assert told.value.reason == "undecodable"
    assert isinstance(error, InvalidEvent) or str(told.value.detail) == (
        f"5 bytes of the spool are no record: {type(error).__name__}"
    )


def test_a_payload_that_is_read_is_what_was_read() -> None:
    assert record_in(b"12345", len) == 5
    demand_numbers("s" * SOURCE_CHARS_MAX, NOON_US, [0, COUNT_MAX])


@pytest.mark.parametrize(
    ("source", "epoch", "numbers", "said"),
    [
        (None, 0, [], "source"),
        ("s" * (SOURCE_CHARS_MAX + 1), 0, [], "source"),
        ("gateway/1", 0, [1, COUNT_MAX + 1], "numbers"),
        ("gateway/1", 0, [-1], "numbers"),
        ("gateway/1", 0, [True], "numbers"),
        ("gateway/1", TIME_END_US, [1], "boot epoch"),
        ("gateway/1", -1, [1], "boot epoch"),
        ("gateway/1", 1.0, [1], "boot epoch"),
    ],
)
def test_numbers_that_no_event_may_hold_are_refused_by_name(
    source: object, epoch: object, numbers: list[object], said: str
) -> None:
    with pytest.raises(InvalidEvent, match=said):
        demand_numbers(source, epoch, numbers)
