"""Law: the encoders write what fastavro writes, to the byte, and what fastavro refuses is refused as it refuses it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import fields, replace
from typing import Any

import fastavro
import pytest
from fastavro.schema import expand_schema
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.samples.builders import completed, one_of_each
from weir.events import EVENT_TYPES, SCHEMA_JSON, Event, encode_body
from weir.events.codec import ENCODERS, PARSED
from weir.events.encoder import KEPT_BYTES_MAX, LONGS_KEPT, TEXTS, TEXTS_KEPT
from weir.events.encoder import LONGS as LONGS_MET

EXPANDED: dict[str, Any] = {name: expand_schema(json.loads(text)) for name, text in SCHEMA_JSON.items()}
LONGS = st.integers(-(2**63), 2**63 - 1) | st.integers(-130, 20_000)
PLAIN: dict[str, st.SearchStrategy[Any]] = {
    "string": st.text(st.characters(exclude_categories=["Cs"]), max_size=70),
    "long": LONGS,
    "int": st.integers(-(2**31), 2**31 - 1),
    "double": st.floats(),
    "float": st.floats(width=32),
    "boolean": st.booleans(),
    "bytes": st.binary(max_size=200),
    "null": st.none(),
}
ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        5,
        5.0,
        5.7,
        2**31,
        2**63,
        -(2**63) - 1,
        2**2_000,
        1e300,
        math.nan,
        math.inf,
        "\ud800",
        "5",
        b"x",
        (),
        {},
    ]
)
"""Values of other types, and numbers outside of their range."""


DRAWN = st.fixed_dictionaries({**PLAIN, "branch": st.integers(0, 1), "items": st.integers(0, 3)})
"""A value of each type, the branch of each union and the length of each list: the fields of one type hold the same."""


def value_of(kind: Any, drawn: dict[str, Any]) -> Any:
    """A value of an Avro type, as records hold it."""
    if isinstance(kind, list):
        return value_of(kind[drawn["branch"]], drawn)
    if isinstance(kind, str):
        return drawn[kind]
    if kind["type"] == "array":
        return [value_of(kind["items"], drawn)] * drawn["items"]
    if kind["type"] == "map":
        return {f"{number}{drawn['string']}": value_of(kind["values"], drawn) for number in range(drawn["items"])}
    return {field["name"]: value_of(field["type"], drawn) for field in kind["fields"]}


def places(record: Any) -> list[tuple[Any, Any]]:
    """Each container of a record with each of its keys."""
    inner = record.items() if isinstance(record, dict) else enumerate(record)
    found = [(record, key) for key, _ in inner]
    return found + [
        one for container, key in found if isinstance(container[key], dict | list) for one in places(container[key])
    ]


def by_fastavro(event: Event) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, PARSED[event.EVENT], event.as_record())
    return buffer.getvalue()


@pytest.mark.parametrize("name", EVENT_TYPES)
@given(drawn=DRAWN)
def test_an_encoder_writes_what_fastavro_writes(name: str, drawn: dict[str, Any]) -> None:
    event = EVENT_TYPES[name].from_record(value_of(EXPANDED[name], drawn))

    assert ENCODERS[name](event) == by_fastavro(event)


@pytest.mark.parametrize("plain", one_of_each(), ids=lambda event: event.EVENT)
@given(odd=ODD, number=st.integers(0, 300))
def test_an_odd_value_ends_as_fastavro_ends_it(plain: Event, odd: object, number: int) -> None:
    record: Any = fastavro.schemaless_reader(io.BytesIO(by_fastavro(plain)), PARSED[plain.EVENT], PARSED[plain.EVENT])
    found = places(record)
    container, key = found[number % len(found)]
    assume(not isinstance(container[key], list | dict))
    container[key] = odd
    event = type(plain).from_record(record)

    assert outcome(encode_body, event) == outcome(by_fastavro, event)


@pytest.mark.parametrize("plain", one_of_each(), ids=lambda event: event.EVENT)
@pytest.mark.parametrize("odd", [None, 5, "5", (), {}], ids=ascii)
def test_a_list_or_map_that_is_none_ends_as_fastavro_ends_it(plain: Event, odd: Any) -> None:
    for field in fields(plain):
        event = replace(plain, **{field.name: odd})

        assert outcome(encode_body, event) == outcome(by_fastavro, event)


def outcome(encode: Any, event: Event) -> bytes | tuple[type, str]:
    try:
        return bytes(encode(event))
    except Exception as error:  # noqa: BLE001  # which one is what is compared
        return type(error), str(error)


def test_an_encoder_alone_writes_plain_values() -> None:
    """Without it every event would be written in the slow way, and nothing else would say so."""
    event = completed(seed=7, http_status=200)

    assert ENCODERS[event.EVENT](event) == encode_body(event)


def test_what_is_kept_of_texts_and_numbers_is_bounded() -> None:
    for number in range(TEXTS_KEPT + 10):
        event = completed(route=f"route {number}", model="m" * KEPT_BYTES_MAX, seq=number)
        assert ENCODERS[event.EVENT](event) == encode_body(event)

    assert 0 < len(TEXTS) <= TEXTS_KEPT
    assert 0 < len(LONGS_MET) <= LONGS_KEPT
    assert "m" * KEPT_BYTES_MAX not in TEXTS
