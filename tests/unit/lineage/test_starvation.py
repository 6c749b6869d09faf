"""Starvation: a partition that stands still with more behind it for the limit is named, and no other one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.events.log import TopicPartition
from weir.lineage.sink.core.starvation import Starvation

LIMIT_S = 30.0
HERE, READ = TopicPartition("spans", 0), TopicPartition("spans", 1)


def test_a_partition_that_stands_still_with_more_behind_it_is_named_after_the_limit() -> None:
    starvation = Starvation(LIMIT_S)

    looks = [starvation.starved({HERE: 5, READ: 9}, {HERE: 8, READ: 9}, now_s) for now_s in (0, 29, 30)]

    assert looks == [[], [], [HERE]]


def test_what_came_just_now_has_not_stood_since_the_last_look() -> None:
    starvation = Starvation(LIMIT_S)
    assert starvation.starved({HERE: 5}, {HERE: 5}, 0) == []
    assert starvation.starved({HERE: 5}, {HERE: 6}, 20) == []
    assert starvation.starved({HERE: 5}, {HERE: 6}, 49) == []
    assert starvation.starved({HERE: 5}, {HERE: 6}, 50) == [HERE]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.floats(0, 20)), max_size=30))
def test_one_that_moves_within_the_limit_is_never_named(steps: list[tuple[int, int, float]]) -> None:
    starvation, at, end, now_s, moved_s = Starvation(LIMIT_S), 0, 0, 0.0, 0.0
    for read, written, waited_s in steps:
        end, now_s = end + written, now_s + waited_s
        if min(read, end - at):
            at, moved_s = at + min(read, end - at), now_s
        told = starvation.starved({HERE: at}, {HERE: end}, now_s)
        assert not told or (end > at and now_s - moved_s >= LIMIT_S)


def test_a_partition_that_was_taken_away_is_forgotten() -> None:
    starvation = Starvation(LIMIT_S)
    assert starvation.starved({HERE: 5}, {HERE: 8}, 0) == []
    assert starvation.starved({}, {HERE: 8}, 30) == []
    assert starvation.starved({HERE: 5}, {HERE: 8}, 60) == []


def test_a_wait_for_the_store_is_no_starvation() -> None:
    starvation = Starvation(LIMIT_S)

    assert starvation.starved({HERE: 5}, {HERE: 8}, 0) == []
    assert starvation.starved({HERE: 5}, {HERE: 8}, 300) == []
    assert starvation.starved({HERE: 5}, {HERE: 8}, 320) == []
    assert starvation.starved({HERE: 5}, {HERE: 8}, 330) == [HERE]
