"""Schemas that anybody can register: a usable one is read with, every other is named, and none takes the process along."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import one_of_each
from weir.events import SCHEMA_JSON, Event, InvalidEvent, decode_body, encode_body, writer_schema


def record(*kinds: Any, name: str = "FeedbackReceived") -> str:
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(kinds)]
    return json.dumps({"type": "record", "name": name, "fields": fields})


def doubling(levels: int) -> str:
    """Records that each hold the one before twice: 2**levels values of no bytes."""
    kind: Any = {"type": "record", "name": "R0", "fields": []}
    for level in range(1, levels + 1):
        fields = [{"name": "a", "type": kind}, {"name": "b", "type": f"R{level - 1}"}]
        kind = {"type": "record", "name": f"R{level}", "fields": fields}
    return json.dumps(kind)


EMPTY = {"type": "record", "name": "Empty", "fields": []}
NESTED: Any = "string"
for _ in range(100):
    NESTED = {"type": "array", "items": NESTED}


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: event.EVENT)
def test_our_own_schemas_are_usable(event: Event) -> None:
    name, parsed = writer_schema(SCHEMA_JSON[event.EVENT])

    assert name == event.EVENT
    assert encode_body(decode_body(event.EVENT, encode_body(event), parsed)) == encode_body(event)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no JSON"), ("nonsense", "no JSON"), ("[" * 100_000, "no JSON"), ('"string"', "no record"),
        ('["null", "string"]', "no record"), ('{"type": "array", "items": "string"}', "no record"), ("7", "no record"),
        ('{"type": "enum", "name": "E", "symbols": ["A"]}', "no record"), ('{"type": "record", "fields": []}', "no record"),
        ('{"type": "record", "name": 7, "fields": []}', "no record"), ('{"type": "record", "name": "R"}', "no list"),
        ('{"type": "record", "name": "R", "fields": [7]}', "no list"), (record("nosuch"), "nosuch"),
        (record(7), "no type"), (record({"type": "array"}), "no type"), (record(["null", "FeedbackReceived"]), "holds itself"),
        (record({"type": "array", "items": "FeedbackReceived"}), "holds itself"),
        (record({"type": "map", "values": "x.FeedbackReceived"}), "holds itself"),
        (record({"type": "array", "items": "null"}), "no bytes"),
        (record({"type": "array", "items": {"type": "null"}}), "no bytes"),
        (record({"type": "array", "items": EMPTY}), "no bytes"),
        (record({"type": "array", "items": {"type": "fixed", "name": "F", "size": 0}}), "no bytes"),
        (record(EMPTY, {"type": "array", "items": "Empty"}), "no bytes"), (record(NESTED), "nests deeper"),
        (doubling(12), "values"), (record(*["string"] * 2_000), "values"), (record("string") + " " * 300_000, "characters"),
    ],
)  # fmt: skip
def test_a_schema_that_cannot_be_read_with_is_named(text: str, why: str) -> None:
    with pytest.raises(InvalidEvent, match=f"unknown_schema.*{why}"):
        writer_schema(text)


def test_logical_types_are_plain_numbers() -> None:
    micros = '{"type":"long","logicalType":"timestamp-micros"}'
    text = SCHEMA_JSON["FeedbackReceived"].replace('"event_time_us","type":"long"', f'"event_time_us","type":{micros}')
    assert text != SCHEMA_JSON["FeedbackReceived"]
    event = next(one for one in one_of_each() if one.EVENT == "FeedbackReceived")

    assert decode_body(event.EVENT, encode_body(event), writer_schema(text)[1]) == event


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["null", "long", "string", "record", "array", "R", "enum"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "name", "fields", "items", "values", "size", "symbols"]), inner, max_size=5
        )
    ),
    max_leaves=12,
)


@given(kinds=st.lists(json_values, max_size=3), body=st.binary(max_size=64))
def test_any_json_is_a_usable_schema_or_is_named_and_what_it_reads_has_an_end(kinds: list[Any], body: bytes) -> None:
    with suppress(InvalidEvent):
        _, parsed = writer_schema(record(*kinds))
        decode_body("FeedbackReceived", body, parsed)
