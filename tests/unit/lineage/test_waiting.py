"""What is held: everything once, in order, whatever the polls deliver, until it is due or another member has it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.events.log import RawMessage, TopicPartition
from weir.lineage.sink.core.waiting import Waiting

PARTITION = TopicPartition("spans", 0)


def message(offset: int, value: bytes | None = b"") -> RawMessage:
    return RawMessage(*PARTITION, offset, None, value, 0)


def offsets_due(waiting: Waiting) -> list[int]:
    return [one.offset for one in waiting.due().get(PARTITION, [])]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12))
def test_however_the_polls_cut_the_log_nothing_comes_twice_or_out_of_order(polls: list[int]) -> None:
    waiting, handed, offset = Waiting(), [], 0
    for size in polls:
        for _ in range(size):
            waiting.add(message(offset))
            offset += 1
        handed += offsets_due(waiting)

    assert handed == list(range(offset))
    assert waiting.due() == {}


def test_a_partition_that_is_read_again_adds_nothing_that_is_held() -> None:
    waiting = Waiting()
    for offset in (3, 4, 3, 4, 5):
        waiting.add(message(offset))

    assert offsets_due(waiting) == [3, 4, 5]


def test_a_partition_of_another_member_is_forgotten() -> None:
    waiting = Waiting()
    waiting.add(message(0))
    waiting.forget([PARTITION])
    waiting.add(message(7))

    assert offsets_due(waiting) == [7]


def test_what_is_held_is_counted_until_it_is_due() -> None:
    waiting = Waiting()
    for offset, value in enumerate((b"12345", None, b"678")):
        waiting.add(message(offset, value))
    assert (waiting.messages, waiting.bytes) == (3, 8)

    waiting.due()

    assert (waiting.messages, waiting.bytes) == (0, 0)
