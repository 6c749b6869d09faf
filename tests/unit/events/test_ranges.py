"""Laws of the door: what a decoder lets through can be written as JSON, dated, and kept by the store."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import fastavro
import pytest
from annotated_types import Le
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import NOON_US, completed, one_of_each
from weir.events import EVENT_TYPES, SCHEMA_JSON, Event, InvalidEvent, check_body, decode_body, encode_body
from weir.events.ranges import COUNT_MAX, INT_MAX, TIME_END_US, TIME_MIN_US, range_of
from weir.lineage.settings import LineageSettings

EXPIRY_ENDS_S = 2**32
"""ClickHouse's DateTime has 32 bits of seconds."""

of_type: dict[str, Any] = {event.EVENT: event for event in one_of_each()}


def refused(event: Event) -> str:
    """What is said about an event that neither the services nor the store may have."""
    with pytest.raises(InvalidEvent) as of_store:
        check_body(event.EVENT, encode_body(event))
    with pytest.raises(InvalidEvent) as found:
        decode_body(event.EVENT, encode_body(event))
    assert (found.value.reason, found.value.detail) == ("undecodable", of_store.value.detail)
    return found.value.detail


def test_no_accepted_time_wraps_the_expiry_of_the_store() -> None:
    longest = LineageSettings.model_fields["retention_days"].metadata
    days_max = max(one.le for one in longest if isinstance(one, Le) and isinstance(one.le, int))

    assert TIME_END_US / 1e6 + days_max * 86_400 < EXPIRY_ENDS_S
    assert datetime.fromtimestamp(TIME_END_US / 1e6, UTC).year == 2086


@pytest.mark.parametrize(
    ("time_us", "hint"),
    [
        (NOON_US * 1_000, "the value looks like nanoseconds"),
        (NOON_US // 1_000, "the value looks like milliseconds"),
        (NOON_US // 1_000_000, "the value looks like seconds"),
        (4_417_977_600_000_000, "years 2000 to 2085"),
        (10_100_000_000_000_000, "years 2000 to 2085"),
        (2**62, "years 2000 to 2085"),
        (2**63 - 1, "years 2000 to 2085"),
        (-(2**63), "years 2000 to 2085"),
        (0, "years 2000 to 2085"),
        (-1, "years 2000 to 2085"),
        (TIME_END_US, "years 2000 to 2085"),
        (TIME_MIN_US - 1, "years 2000 to 2085"),
    ],
)
@pytest.mark.parametrize("event", of_type.values(), ids=of_type)
def test_a_time_that_the_store_cannot_keep_is_no_event(event: Event, time_us: int, hint: str) -> None:
    said = refused(replace(event, event_time_us=time_us))

    assert f"event_time_us is {time_us}" in said
    assert hint in said


def test_the_first_and_the_last_time_are_events() -> None:
    for time_us in (TIME_MIN_US, TIME_END_US - 1):
        event = completed(event_time_us=time_us)
        assert decode_body(event.EVENT, encode_body(event)).event_time_us == time_us


def doubles() -> list[tuple[str, str]]:
    found = []
    for name, text in SCHEMA_JSON.items():
        for one in json.loads(text)["fields"]:
            if one["type"] == "double" or (isinstance(one["type"], list) and "double" in one["type"]):
                found.append((name, one["name"]))
    return found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("name", "field"), doubles())
def test_a_number_that_is_none_is_no_event(name: str, field: str, value: float) -> None:
    assert f"{field} is {value}; expected a finite number" in refused(replace(of_type[name], **{field: value}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_none_is_found_inside_lists_and_records(value: float) -> None:
    features = of_type["TextFeaturesComputed"]
    item = features.items[0]
    for broken in (
        replace(item, latency_ms=value),
        replace(item, prompt=replace(item.prompt, embedding=(0.5, value, 0.5))),
        replace(item, answer=replace(item.answer, digit_share=value)),
    ):
        assert "expected a finite number" in refused(replace(features, items=(item, broken)))


@pytest.mark.parametrize(
    ("field", "value"),
    [("seq", -1), ("seq", COUNT_MAX + 1), ("boot_epoch", -1), ("boot_epoch", 2**62), ("status_code", INT_MAX + 1)],
)
def test_a_number_outside_its_range_is_named(field: str, value: int) -> None:
    # Encoded with every int as a long, which looks the same on the wire: the encoder would refuse the value.
    schema = json.loads(SCHEMA_JSON["InferenceCompleted"].replace('"int"', '"long"'))
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(schema), {**completed().as_record(), field: value})

    with pytest.raises(InvalidEvent, match=f"{field} is {value}"):
        decode_body("InferenceCompleted", buffer.getvalue())


def test_a_time_inside_a_record_is_checked_and_one_that_never_was_is_zero() -> None:
    spans, alert = of_type["SpansRecorded"], of_type["AlertChanged"]

    assert "start_time_us is 7" in refused(replace(spans, spans=(replace(spans.spans[0], start_time_us=7),)))
    assert "ends_at_us is 7" in refused(replace(alert, ends_at_us=7))
    assert decode_body(alert.EVENT, encode_body(replace(alert, ends_at_us=0, starts_at_us=0)))


@pytest.mark.parametrize(
    "event_id", ["", "1", "01A20D6D-5A00-7C70-BD60-58FE3AD84EEF", "01a20d6d-5a00-7c70-bd60-58fe3ad84eef\n"]
)
def test_an_id_that_others_are_derived_from_is_an_id(event_id: str) -> None:
    features = of_type["TextFeaturesComputed"]
    item = replace(features.items[0], response_event_id=event_id)

    for bad in (*(replace(event, event_id=event_id) for event in of_type.values()), replace(features, items=(item,))):
        with pytest.raises(InvalidEvent, match="expected a UUID"):
            decode_body(bad.EVENT, encode_body(bad))


@pytest.mark.parametrize(
    "spec",
    ["", "nonsense", "[]", "null", '"text"', "[" * 3_000, '{"a":' * 100_000, '{"a": NaN}', '{"a": 1e999}', '{"a": "\\ud800"}'],
)  # fmt: skip
def test_a_specification_is_a_json_object_that_can_be_written_again(spec: str) -> None:
    change = of_type["RegistryChanged"]

    with pytest.raises(InvalidEvent, match="body_json"):
        decode_body(change.EVENT, encode_body(replace(change, body_json=spec)))


def test_what_is_wrong_with_a_text_is_told_without_the_text() -> None:
    body = encode_body(completed(output_text="a secret of the user"))

    with pytest.raises(InvalidEvent) as found:
        decode_body("InferenceCompleted", body.replace(b"secret", b"secr\xed\xa0"))

    assert "no UTF-8" in found.value.detail
    assert "secr" not in found.value.detail


@given(time_us=st.integers(-(2**63), 2**63 - 1), score=st.floats(), seq=st.integers(-(2**63), 2**63 - 1))
def test_what_is_decoded_can_be_written_as_json_and_dated(time_us: int, score: float, seq: int) -> None:
    event = replace(of_type["FeedbackReceived"], event_time_us=time_us, score=score, seq=seq)
    try:
        decoded = decode_body(event.EVENT, encode_body(event))
    except InvalidEvent:
        return
    json.dumps(decoded.as_record(), allow_nan=False).encode()
    assert 2000 <= datetime.fromtimestamp(decoded.event_time_us / 1e6, UTC).year <= 2086
    assert 0 <= decoded.seq <= COUNT_MAX


def test_every_time_of_every_schema_has_a_range() -> None:
    def longs(kind: Any, name: str) -> list[str]:
        if isinstance(kind, list):
            return [found for one in kind for found in longs(one, name)]
        if isinstance(kind, dict) and kind["type"] == "record":
            return [found for one in kind["fields"] for found in longs(one["type"], one["name"])]
        if isinstance(kind, dict):
            return longs(kind.get("items") or kind["values"], name)
        return [name] if kind == "long" else []

    times = {
        name for event in EVENT_TYPES for name in longs(json.loads(SCHEMA_JSON[event]), "") if name.endswith("_us")
    }
    assert {"event_time_us", "start_time_us", "since_time_us"} <= times
    assert all((span := range_of(name, "long")) and span.is_time for name in times)
