"""Compatibility: the verdicts, judged by fastavro actually reading old data with the new schema and back."""

from __future__ import annotations

import io
import json
from typing import Any

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.events import SCHEMA_JSON
from weir.registry.core.compatibility import LEVELS, Stored, cannot_read, incompatibilities
from weir.registry.core.schema_text import InvalidSchema, schema_digest

ENUM = {"type": "enum", "name": "Colour", "symbols": ["red", "blue"]}
INNER = {"type": "record", "name": "Inner", "fields": [{"name": "x", "type": "int"}]}


def schema(*fields: dict[str, Any]) -> str:
    return json.dumps({"type": "record", "name": "Thing", "fields": list(fields)})


def field(name: str, kind: object, **rest: object) -> dict[str, Any]:
    return {"name": name, "type": kind, **rest}


BASE = schema(field("a", "int"), field("b", "string", default=""))

READABLE = [
    (BASE, BASE),
    (schema(field("a", "int")), BASE),
    (schema(field("a", "long")), schema(field("a", "int"))),
    (schema(field("a", "double")), schema(field("a", "float"))),
    (schema(field("a", "bytes")), schema(field("a", "string"))),
    (schema(field("a", ["null", "int"])), schema(field("a", "int"))),
    (schema(field("a", {"type": "array", "items": "long"})), schema(field("a", {"type": "array", "items": "int"}))),
    (schema(field("a", {"type": "map", "values": "long"})), schema(field("a", {"type": "map", "values": "int"}))),
    (schema(field("c", "int", aliases=["a"])), schema(field("a", "int"))),
    (
        schema(field("a", {**ENUM, "symbols": ["red"], "default": "red"})),
        schema(field("a", ENUM)),
    ),
    (
        schema(field("a", {**INNER, "fields": [*INNER["fields"], field("y", "int", default=0)]})),
        schema(field("a", INNER)),
    ),
]

UNREADABLE = [
    (schema(field("a", "int"), field("n", "int")), schema(field("a", "int")), "missing_default_value at /fields/1: n"),
    (schema(field("a", "int")), schema(field("a", "long")), "type_mismatch"),
    (schema(field("a", "int")), schema(field("a", "string")), "type_mismatch"),
    (schema(field("a", "string")), schema(field("a", ["null", "string"])), "type_mismatch"),
    (schema(field("a", {**ENUM, "symbols": ["red"]})), schema(field("a", ENUM)), "missing_enum_symbols"),
    (
        schema(field("a", {**INNER, "fields": [*INNER["fields"], field("y", "int")]})),
        schema(field("a", INNER)),
        "missing_default_value",
    ),
    (
        schema(field("a", {"type": "array", "items": "int"})),
        schema(field("a", {"type": "array", "items": "string"})),
        "type_mismatch",
    ),
    (
        schema(field("a", {"type": "fixed", "name": "F", "size": 2})),
        schema(field("a", {"type": "fixed", "name": "F", "size": 3})),
        "fixed_size_mismatch",
    ),
    (
        schema(field("a", ["null", "int"])),
        schema(field("a", ["null", "int", "string"])),
        "missing_union_branch",
    ),
]


@pytest.mark.parametrize(("reader", "writer"), READABLE)
def test_what_the_rules_resolve_is_compatible(reader: str, writer: str) -> None:
    assert cannot_read(reader, writer) == ()


@pytest.mark.parametrize(("reader", "writer", "message"), UNREADABLE)
def test_what_they_do_not_is_named(reader: str, writer: str, message: str) -> None:
    (found,) = cannot_read(reader, writer)

    assert message in found


KINDS = st.sampled_from(
    [
        "int",
        "long",
        "float",
        "double",
        "string",
        "bytes",
        "boolean",
        ["null", "int"],
        ["null", "string"],
        ["int", "string"],
        ENUM,
        {**ENUM, "symbols": ["red", "blue", "green"]},
        {**ENUM, "symbols": ["red"], "default": "red"},
        {"type": "array", "items": "int"},
        {"type": "array", "items": "long"},
        {"type": "map", "values": "string"},
        INNER,
        {**INNER, "fields": [field("x", "long"), field("y", ["null", "int"], default=None)]},
        {**INNER, "fields": [field("x", "int"), field("y", "int")]},
    ]
)
VALUES: dict[str, list[object]] = {
    "int": [0, -7],
    "long": [0, 2**40],
    "float": [0.5],
    "double": [1e300],
    "string": ["", "text"],
    "bytes": [b"", b"raw"],
    "boolean": [True],
    "null": [None],
}


def values_of(kind: Any) -> list[object]:
    """Values that together reach every branch of a type."""
    if isinstance(kind, list):
        return [value for one in kind for value in values_of(one)]
    if isinstance(kind, str):
        return VALUES[kind]
    match kind["type"]:
        case "enum":
            return list(kind["symbols"])
        case "array":
            return [[], values_of(kind["items"])]
        case "map":
            return [{}, {"k": values_of(kind["values"])[0]}]
        case _:
            parts = {one["name"]: values_of(one["type"]) for one in kind["fields"]}
            return [{name: options[index % len(options)] for name, options in parts.items()} for index in range(2)]


def fastavro_reads(reader: str, writer: str, record: dict[str, object]) -> bool:
    written = io.BytesIO()
    fastavro.schemaless_writer(written, json.loads(writer), record)
    written.seek(0)
    try:
        fastavro.schemaless_reader(written, json.loads(writer), json.loads(reader))
    except (fastavro.read.SchemaResolutionError, ValueError, TypeError, UnicodeDecodeError):
        return False
    return True


@settings(max_examples=300)
@given(st.data(), KINDS, KINDS)
def test_a_compatible_verdict_means_that_fastavro_reads_every_value(data: st.DataObject, old: Any, new: Any) -> None:
    writer = schema(field("a", old), field("gone", "int", default=0))
    reader = schema(field("a", new), field("added", "int", default=3))
    if cannot_read(reader, writer):
        return
    value = data.draw(st.sampled_from(values_of(old)))

    assert fastavro_reads(reader, writer, {"a": value, "gone": 1})


@settings(max_examples=300)
@given(KINDS, KINDS)
def test_an_incompatible_verdict_means_that_some_value_cannot_be_read(old: Any, new: Any) -> None:
    writer, reader = schema(field("a", old)), schema(field("a", new))
    if not cannot_read(reader, writer):
        return

    assert not all(fastavro_reads(reader, writer, {"a": value}) for value in values_of(old))


@pytest.mark.parametrize("name", sorted(SCHEMA_JSON))
def test_every_schema_of_the_log_is_valid_and_compatible_with_itself(name: str) -> None:
    text = SCHEMA_JSON[name]

    assert schema_digest(text).startswith("sha256:")
    assert incompatibilities(text, [Stored(1, text)], "FULL") == ()


GREW = schema(field("a", "int"), field("b", "string", default=""), field("n", "int"))
"""BASE with a field that has no default: old data cannot be read with it, new data can be read with BASE."""


@pytest.mark.parametrize(
    ("level", "refused"),
    [
        ("BACKWARD", True),
        ("FORWARD", False),
        ("FULL", True),
        ("BACKWARD_TRANSITIVE", True),
        ("FORWARD_TRANSITIVE", False),
        ("FULL_TRANSITIVE", True),
    ],
)
def test_a_level_asks_in_its_direction(level: str, refused: bool) -> None:
    assert bool(incompatibilities(GREW, [Stored(1, BASE)], level)) == refused
    assert level in LEVELS


def test_full_names_the_direction() -> None:
    (message,) = incompatibilities(GREW, [Stored(4, BASE)], "FULL")

    assert message.startswith("the new schema cannot read data of version 4 (backward)")


def test_only_a_transitive_level_looks_behind_the_newest_version() -> None:
    stored = [Stored(1, schema(field("a", "string"))), Stored(2, BASE)]

    assert incompatibilities(BASE, stored, "FULL") == ()
    assert incompatibilities(BASE, stored, "FULL_TRANSITIVE")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[",
        '{"type": "record", "name": "A"}',
        '{"type": "record", "name": "A", "fields": [{"name": "x"}]}',
        '{"type": "record", "name": "A", "fields": [{"name": "x", "type": "Unknown"}]}',
        '{"type": "record", "name": "A", "fields": [{"name": "x", "type": "int", "default": "no"}]}',
        '{"type": "enum", "name": "E", "symbols": ["a", "a"]}',
        "[" * 5_000,
        "3",
    ],
)
def test_what_is_no_schema_is_refused(text: str) -> None:
    with pytest.raises(InvalidSchema, match="not an Avro schema"):
        schema_digest(text)


def test_the_layout_of_a_schema_means_nothing() -> None:
    assert schema_digest(BASE) == schema_digest(json.dumps(json.loads(BASE), indent=4))
