"""Laws of lineage's core: containers, intents, audits."""

from __future__ import annotations

import io

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed
from weir.events import SCHEMA_JSON, encode_body
from weir.events.log import OffsetRange, TopicPartition
from weir.lineage.sink.core.container import MARK, MARK_FIELDS, container, marked
from weir.lineage.sink.core.intent import done, intent, intent_of, together, token, topic_of
from weir.lineage.sink.core.stall import Stall

PARTITION = TopicPartition("spans", 0)


METADATA_BYTES_MAX = 4_096
"""What a broker takes as a commit's metadata (offset.metadata.max.bytes)."""


@given(st.integers(min_value=0, max_value=20))
def test_a_container_of_bodies_is_what_avro_readers_expect(count: int) -> None:
    events = [completed(seq, contexts=()) for seq in range(count)]

    block = container(SCHEMA_JSON["InferenceCompleted"], [encode_body(event) for event in events])

    assert list(fastavro.reader(io.BytesIO(block))) == [event.as_record() for event in events]


@given(first=st.integers(0, 2**62), length=st.integers(0, 10_000))
def test_an_intent_is_read_back_where_it_was_committed_and_nowhere_else(first: int, length: int) -> None:
    span = OffsetRange(*PARTITION, first, first + length)

    assert intent_of(PARTITION, intent(span), first) == (span,)
    assert intent_of(PARTITION, intent(span), first + 1) == ()


ranges_of_a_topic = st.dictionaries(
    st.integers(0, 99), st.tuples(st.integers(0, 2**62), st.integers(0, 99)), min_size=1
)


@given(ranges_of_a_topic, st.sampled_from(["", "an-id"]))
def test_each_partition_of_ranges_that_go_together_names_them_all(
    found: dict[int, tuple[int, int]], topic_id: str
) -> None:
    spans = [OffsetRange("spans", number, first, first + more, topic_id) for number, (first, more) in found.items()]
    groups = list(together([*spans, OffsetRange("feedback", 0, 1, 2)]))

    assert sorted(one.partition for group in groups[:-1] for one in group) == sorted(found)
    assert groups[-1] == (OffsetRange("feedback", 0, 1, 2),)
    for group in groups:
        for one in group:
            written = intent(one, group)
            assert intent_of(one.topic_partition, written, one.first) == group
            assert intent_of(one.topic_partition, written, one.end) == ()
            assert topic_of(written) == one.topic_id
            assert len(written) <= METADATA_BYTES_MAX


@pytest.mark.parametrize(
    "metadata", [None, "", "intent:5", "intent:9-3", "something else", "intent:9-9 with:", "intent:9-9 with:1:2"]
)
def test_other_metadata_is_no_intent(metadata: str | None) -> None:
    assert intent_of(PARTITION, metadata, 9) == ()


@given(first=st.integers(0, 2**62), length=st.integers(0, 10_000), topic_id=st.uuids().map(str))
def test_a_commit_names_the_topic_before_and_after_the_insert(first: int, length: int, topic_id: str) -> None:
    span = OffsetRange(*PARTITION, first, first + length, topic_id)

    assert intent_of(PARTITION, intent(span), first) == (span,)
    assert topic_of(intent(span)) == topic_of(done(topic_id)) == topic_id
    assert intent_of(PARTITION, done(topic_id), first) == ()


@pytest.mark.parametrize("metadata", [None, "", "intent:5-9", "something else", done("")])
def test_a_commit_from_before_topics_had_ids_names_none(metadata: str | None) -> None:
    assert topic_of(metadata) == ""


def test_a_topic_made_anew_has_no_token_of_the_old_one() -> None:
    assert len({token((OffsetRange("spans", 0, 0, 9, topic_id),), "s1") for topic_id in ("", "old", "new")}) == 3


@pytest.mark.parametrize(("at_s", "is_stalled"), [(10.0, False), (70.0, False), (70.1, True)])
def test_a_range_that_waits_longer_than_the_limit_is_a_standstill(at_s: float, is_stalled: bool) -> None:
    stall = Stall(limit_s=60.0)
    assert stall.reason(1e9) == ""
    stall.begin(10.0)
    stall.begin(at_s)  # tried again after a membership was lost
    stall.why = "the engine is away"

    assert stall.reason(at_s) == ("nothing was stored for 60 s, more than 60: the engine is away" if is_stalled else "")

    stall.end()
    assert stall.reason(1e9) == ""


def test_a_body_in_a_block_of_its_own_cannot_reach_into_the_next() -> None:
    bodies = [encode_body(completed(seq, contexts=())) for seq in (1, 2)]

    block = container(SCHEMA_JSON["InferenceCompleted"], [bodies[0][:-1], bodies[1]])

    with pytest.raises(EOFError):
        list(fastavro.reader(io.BytesIO(block)))


def test_bodies_that_end_with_their_mark_are_the_same_events() -> None:
    event = completed(1, contexts=())

    block = container(marked(SCHEMA_JSON["InferenceCompleted"]), [encode_body(event) + MARK])

    (found,) = fastavro.reader(io.BytesIO(block))
    assert isinstance(found, dict)
    assert [found.pop(name) for name in MARK_FIELDS] == [True, False, True]
    assert found == event.as_record()


def test_a_token_names_all_that_goes_together() -> None:
    alone = [OffsetRange("spans", partition, first, 9) for partition in (0, 1) for first in (0, 1)]
    pairs = [(one, OffsetRange("spans", 2, 0, last)) for one in alone for last in (3, 4)]
    tokens = {token(ranges, part) for ranges in [*((one,) for one in alone), *pairs] for part in "ab"}

    assert len(tokens) == 2 * (4 + 8)
    assert (
        token((OffsetRange("spans", 1, 5, 9, "an-id"),), "s7") == "spans-an-id-1-5-9-s7"
    )  # as before ranges went together
