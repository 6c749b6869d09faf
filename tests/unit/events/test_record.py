"""Records: what an event is as a plain dictionary, and back."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import pytest

from harness.samples.builders import NOON_US, completed, one_of_each
from weir.events import Envelope, Event, InferenceCompleted, InvalidEvent, OpsSignalled, decode_body, encode_body
from weir.runtime.identity import Numbering


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.EVENT)
def test_an_event_is_its_record_and_back(event: Event) -> None:
    record = event.as_record()

    assert type(event).from_record(record) == event
    assert list(record) == [field.name for field in fields(event)]
    assert isinstance(event, Envelope)


def test_records_in_a_record_become_dictionaries() -> None:
    record = completed().as_record()

    assert [type(one) for one in record["references"]] == [dict]
    assert not any(is_dataclass(value) for value in record.values())


def test_a_record_that_lacks_a_field_is_none_though_the_type_has_a_value_for_it() -> None:
    record = completed().as_record()
    del record["output_text"]

    with pytest.raises(KeyError, match="output_text"):
        InferenceCompleted.from_record(record)


def test_what_stands_beside_the_fields_is_left_out() -> None:
    assert InferenceCompleted.from_record({**completed().as_record(), "other": 1}) == completed()


def test_an_event_is_numbered_without_gaps_and_no_reader_takes_one_that_is_not() -> None:
    plain = OpsSignalled(
        event_id=completed().event_id,
        tenant="",
        event_time_us=NOON_US,
        name="n",
        subject="s",
        state="raised",
        value=1.0,
    )
    numbering = Numbering("lineage/1", NOON_US)

    numbered = [numbering.number(plain) for _ in range(3)]

    assert [(one.source, one.boot_epoch, one.seq) for one in numbered] == [("lineage/1", NOON_US, n) for n in range(3)]
    assert decode_body("OpsSignalled", encode_body(numbered[0])) == numbered[0]
    with pytest.raises(InvalidEvent, match="seq is -1"):
        decode_body("OpsSignalled", encode_body(plain))
