"""Laws of lineage's core: containers, intents, audits."""

from __future__ import annotations

import io

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import completed
from weir.events import SCHEMA_JSON, encode_body
from weir.lineage.core.container import container
from weir.lineage.core.intent import Range, intent_of, token


@given(st.integers(min_value=0, max_value=20))
def test_a_container_of_bodies_is_what_avro_readers_expect(count: int) -> None:
    events = [completed(seq, contexts=()) for seq in range(count)]

    block = container(SCHEMA_JSON["InferenceCompleted"], [encode_body(event) for event in events])

    assert list(fastavro.reader(io.BytesIO(block))) == [event.as_record() for event in events]


@given(first=st.integers(0, 2**62), length=st.integers(0, 10_000))
def test_an_intent_is_read_back_where_it_was_committed_and_nowhere_else(first: int, length: int) -> None:
    span = Range(first, first + length)

    assert intent_of(span.as_metadata(), first) == span
    assert intent_of(span.as_metadata(), first + 1) is None


@pytest.mark.parametrize("metadata", [None, "", "intent:5", "intent:9-3", "something else"])
def test_other_metadata_is_no_intent(metadata: str | None) -> None:
    assert intent_of(metadata, 9) is None


def test_a_token_names_the_whole_range() -> None:
    tokens = {
        token("spans", partition, Range(first, 9), part) for partition in (0, 1) for first in (0, 1) for part in "ab"
    }

    assert len(tokens) == 8
