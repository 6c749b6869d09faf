"""What is due: everything once, in order; an intended range whole and alone, whatever the polls deliver."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.events.log import OffsetRange, RawMessage, TopicPartition
from weir.lineage.sink.core.waiting import Waiting

PARTITION = TopicPartition("spans", 0)


def message(offset: int) -> RawMessage:
    return RawMessage(*PARTITION, offset, None, b"", 0)


def offsets_due(waiting: Waiting) -> list[int]:
    return [one.offset for one in waiting.due().get(PARTITION, [])]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=12), st.integers(0, 20), st.integers(0, 20))
def test_however_the_polls_cut_the_log_an_intended_range_comes_whole_and_nothing_comes_twice(
    polls: list[int], first: int, length: int
) -> None:
    waiting = Waiting()
    span = OffsetRange(*PARTITION, first, first + length)
    waiting.intend(span)
    handed, offset = [], first
    for size in [*polls, length + 1]:
        for _ in range(size):
            waiting.add(message(offset))
            offset += 1
        batch = offsets_due(waiting)
        if batch:
            handed.append(batch)
        while batch := offsets_due(waiting):
            handed.append(batch)

    assert handed[0] == list(range(span.first, span.last + 1))
    assert [one for batch in handed for one in batch] == list(range(first, offset))


def test_a_partition_that_is_read_again_adds_nothing_that_is_held() -> None:
    waiting = Waiting()
    for offset in (3, 4, 3, 4, 5):
        waiting.add(message(offset))

    assert offsets_due(waiting) == [3, 4, 5]


def test_a_partition_of_another_member_is_forgotten_with_its_intent() -> None:
    waiting = Waiting()
    waiting.intend(OffsetRange(*PARTITION, 0, 9))
    waiting.add(message(0))
    waiting.forget([PARTITION])
    waiting.add(message(7))

    assert offsets_due(waiting) == [7]
    assert not waiting.intended


def test_a_range_with_a_hole_in_the_log_is_due_once_the_log_is_past_it() -> None:
    waiting = Waiting()
    waiting.intend(OffsetRange(*PARTITION, 0, 5))
    waiting.add(message(0))
    assert offsets_due(waiting) == []
    waiting.add(message(8))

    assert offsets_due(waiting) == [0]
    assert offsets_due(waiting) == [8]


def test_what_is_held_is_counted_until_it_is_due() -> None:
    waiting = Waiting()
    for offset, value in enumerate((b"12345", None, b"678")):
        waiting.add(RawMessage(*PARTITION, offset, None, value, 0))
    assert (waiting.messages, waiting.bytes) == (3, 8)

    waiting.due()

    assert (waiting.messages, waiting.bytes) == (0, 0)
