"""Schemas of `structured_outputs`: what the engine could not keep is refused by its place."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from bad_request import BadRequest
from chat.schema import CHECKS, COMMENTS, SHAPES, schema_in
from hypothesis import given
from hypothesis import strategies as st

NAME = {"type": "string", "minLength": 1, "maxLength": 20}
PERSON: dict[str, Any] = {
    "title": "A person",
    "type": "object",
    "properties": {
        "name": NAME,
        "age": {"type": "integer", "description": "in years"},
        "tags": {"type": "array", "items": {"enum": ["a", "b", None, 1]}, "minItems": 1, "maxItems": 3},
        "home": {"anyOf": [{"type": "null"}, {"const": "here"}]},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def read(schema: object) -> object:
    return schema_in("structured_outputs", {"json": schema})


def nested(levels: int) -> dict[str, Any]:
    return {"type": "array", "items": nested(levels - 1)} if levels > 1 else {"type": "null"}


def test_a_schema_is_taken_whole_and_asks_for_compact_json() -> None:
    assert read(PERSON) == {**PERSON, "x-guidance": {"whitespace_flexible": False}}
    assert schema_in("structured_outputs", json.dumps({"json": PERSON})) == read(PERSON)


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (5, r"structured_outputs.json is 5; expected a JSON schema"),
        ({}, "json has no constraint; expected exactly one of type, enum, const, anyOf"),
        ({"type": "string", "enum": ["a"]}, "json has type and enum; expected exactly one"),
        ({"type": "text"}, "json.type is 'text'; expected one of: object, array"),
        ({"type": ["string", "null"]}, r"json.type is \['string', 'null'\]; expected one of"),
        (
            {"type": "string", "pattern": "^a+$"},
            "json.pattern is not known here; known beside type: description, maxLength",
        ),
        ({"type": "string", "format": "date"}, "json.format is not known here"),
        ({"type": "integer", "minimum": 5}, "json.minimum is not known here; known beside type: description, title"),
        ({"type": "object", "uniqueItems": True}, "json.uniqueItems is not known here"),
        ({"$ref": "https://example.com/schema.json"}, "json has no constraint"),
        ({"type": "object", "x-guidance": {}}, "json.x-guidance is not known here"),
        ({"type": "object", "properties": []}, r"json.properties is \[\]; expected an object of schemas"),
        ({"type": "object", "properties": {"a": {"type": "x"}}}, "json.properties.a.type is 'x'"),
        ({"type": "object", "required": ["a"]}, "json.required names 'a', which properties does not"),
        ({"type": "object", "required": "a"}, "json.required is 'a'; expected a list of at most 64 names"),
        ({"type": "object", "additionalProperties": True}, "additionalProperties is True; expected false"),
        ({"type": "array", "items": 1}, "json.items is 1; expected a JSON schema"),
        ({"type": "array", "maxItems": 257}, "json.maxItems is 257; expected a whole number from 0 to 256"),
        ({"type": "string", "minLength": True}, "json.minLength is True; expected a whole number"),
        ({"type": "array", "minItems": 3, "maxItems": 2}, "json.minItems is 3, above maxItems, 2"),
        ({"enum": []}, r"json.enum is \[\]; expected a list of 1 to 64 values"),
        ({"enum": [{"a": 1}]}, r"json.enum\[0\] is .*; expected a text, number"),
        ({"const": "x" * 300}, "json.const is 'xxx.*of at most 256 characters"),
        ({"anyOf": []}, r"json.anyOf is \[\]; expected a list of 1 to 64 schemas"),
        ({"anyOf": [{"type": "null"}, {"type": "x"}]}, r"json.anyOf\[1\].type is 'x'"),
        (nested(9), "is nested over 8 levels"),
        ({"enum": ["x" * 200] * 60}, "json has 12190 bytes; at most 8192"),
    ],
)
def test_what_could_not_be_kept_is_refused_by_its_place(schema: object, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        read(schema)


@pytest.mark.parametrize("value", [PERSON, {"regex": "a+"}, {"json": PERSON, "backend": "auto"}, [], 5])
def test_another_constraint_than_json_is_refused(value: object) -> None:
    with pytest.raises(BadRequest, match=r'expected \{"json": SCHEMA\}'):
        schema_in("structured_outputs", value)


def test_a_text_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadRequest, match="structured_outputs is a text and no JSON"):
        schema_in("structured_outputs", "{")


def test_a_schema_at_the_limit_of_its_depth_is_taken() -> None:
    assert read(nested(8))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: st.lists(one) | st.dictionaries(st.text(), one),
    )
)
def test_any_json_is_taken_or_refused_by_its_place(value: object) -> None:
    with contextlib.suppress(BadRequest):
        assert read(value)


def test_every_keyword_has_a_check() -> None:
    assert set().union(*SHAPES.values()) | COMMENTS | {"type", "enum", "const", "anyOf"} == set(CHECKS)
