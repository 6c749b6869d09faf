"""Records: what an event is as a plain dictionary, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import FrozenInstanceError, dataclass, field, fields, is_dataclass
from typing import Any

import pytest

from harness.samples.builders import NOON_US, completed, one_of_each
from weir.events import Envelope, Event, InferenceCompleted, InvalidEvent, OpsSignalled, decode_body, encode_body
from weir.events.record import direct_init
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """What dataclasses make, with each kind of default."""

    name: str
    version: str = "1"
    labels: Mapping[str, str] | None = field(default_factory=dict)


@direct_init
@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """The same, decorated."""

    name: str
    version: str = "1"
    labels: Mapping[str, str] | None = field(default_factory=dict)


@pytest.mark.parametrize(
    "given",
    [
        {"name": "a"},
        {"name": "a", "version": "2", "labels": None},
        {},
        {"name": "a", "other": 1},
    ],
)
def test_a_direct_init_takes_and_refuses_what_the_one_of_dataclasses_does(given: Mapping[str, Any]) -> None:
    found = []
    for kind in (Plain, Direct):
        try:
            found.append(repr(kind(**given)))
        except TypeError as error:
            found.append(str(error))

    assert found[0] == found[1].replace("Direct", "Plain")


def test_a_direct_init_leaves_a_record_frozen_and_makes_each_value_anew() -> None:
    first, second = Direct(name="a"), Direct(name="a")

    assert first.labels == second.labels == {}
    assert first.labels is not second.labels
    with pytest.raises(FrozenInstanceError):
        first.name = "b"  # type: ignore[misc]  # what is refused
