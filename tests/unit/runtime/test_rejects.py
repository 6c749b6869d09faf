"""The limits of dead letters: a bad deploy trips one of them, a bad message now and then trips none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from weir.runtime.rejects import Limits, Rejects
from weir.runtime.settings import SharedSettings

pytestmark = pytest.mark.capability("X1")
LIMITS = Limits(in_a_row_max=5, share_max=0.5, window_messages=20)


def after(messages: str, limits: Limits = LIMITS) -> Rejects:
    """messages: b for a bad one, g for a good one."""
    rejects = Rejects()
    for message in messages:
        rejects = rejects.after_bad(limits) if message == "b" else rejects.after_good(1, limits)
    return rejects


@given(st.text("bg", max_size=200))
def test_the_share_is_one_and_the_memory_is_bounded(messages: str) -> None:
    rejects = after(messages)

    assert 0 <= rejects.share <= 1
    assert rejects.bad + rejects.good <= LIMITS.window_messages + 1e-9
    assert rejects.in_a_row == len(messages) - len(messages.rstrip("b"))


@given(st.lists(st.integers(1, 30), max_size=20))
def test_good_messages_count_alike_in_one_batch_and_in_many(batches: list[int]) -> None:
    one_by_one, batched = after("bbb"), after("bbb")
    for count in batches:
        batched = batched.after_good(count, LIMITS)
        for _ in range(count):
            one_by_one = one_by_one.after_good(1, LIMITS)

    assert (batched.in_a_row, one_by_one.in_a_row) == (0 if batches else 3,) * 2
    assert batched.share <= 3 / LIMITS.window_messages or sum(batches) + 3 < LIMITS.window_messages


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ("b" * 5, ""),
        ("b" * 6, "5 messages in a row"),
        ("g" * 50 + "b" * 6, "5 messages in a row"),
        ("bbbbg" * 4, "80% of the last 20 messages"),
        ("bbbbg" * 3, ""),
        ("bgg" * 50, ""),
        ("bbg" * 7, "67% of the last 20 messages"),
    ],
)
def test_what_stops_a_consumer(messages: str, reason: str) -> None:
    found = after(messages).reason_to_stop(LIMITS)

    assert found.startswith(reason) if reason else found == ""


def test_a_share_of_one_stops_nothing() -> None:
    limits = Limits(in_a_row_max=1_000, share_max=1.0, window_messages=20)

    assert after("b" * 500, limits).reason_to_stop(limits) == ""


@pytest.mark.parametrize(
    "wrong", [{"dead_letters_share_max": 0}, {"dead_letters_share_max": 1.1}, {"dead_letters_window_messages": 9}]
)
def test_a_limit_that_means_nothing_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SharedSettings(**wrong)  # type: ignore[arg-type]  # what the environment may hold
