"""JSON schemas that an answer can be held to: a part of JSON Schema, checked before the engine sees it.

The engine writes without any constraint when it cannot use a schema, and says so nowhere. So a keyword that is not named
here is refused by its name, and so is a value that would not constrain. Bounds keep a stranger's schema cheap.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from bad_request import BadRequest

SCHEMA_BYTES_MAX = 8_192
"""Bytes of a schema as compact JSON. Chosen: some hundred properties; the answer itself has at most 2,048 tokens."""

DEPTH_MAX = 8
"""Levels of schemas in each other."""

ITEMS_MAX = 256
"""Largest minItems, maxItems, minLength or maxLength. Chosen: more does not fit into an answer of this size."""

CHOICES_MAX = 64
"""Entries of enum, anyOf or required."""

ENUM_CHARS_MAX = 256
"""Characters of a value of enum or const as JSON."""

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")

SHAPES: Mapping[str, frozenset[str]] = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength"}),
}
"""Keywords of one type alone."""

COMMENTS = frozenset({"title", "description"})
"""Keywords for a reader: they constrain nothing, in JSON Schema too."""

COMPACT = {"x-guidance": {"whitespace_flexible": False}}
"""Extension of llguidance, llama.cpp's constraint engine: free white space would eat the tokens of the answer."""


def schema_in(name: str, value: object) -> Mapping[str, Any]:
    """The schema in `structured_outputs`: an object with the one key `json`, or its JSON text, as the vLLM backend takes it.

    The answer is compact JSON. Raises BadRequest naming the place in the schema that cannot be kept.
    """
    given = _parsed(name, value)
    if not isinstance(given, dict) or set(given) != {"json"}:
        raise BadRequest(
            f'sampling parameter {name} is {value!r:.80}; expected {{"json": SCHEMA}}, no other constraint is known'
        )
    schema = given["json"]
    size = len(json.dumps(schema, separators=(",", ":")).encode())
    if size > SCHEMA_BYTES_MAX:
        raise BadRequest(f"{name}.json has {size} bytes; at most {SCHEMA_BYTES_MAX}")
    _check(schema, f"{name}.json", 1)
    return {**schema, **COMPACT}


def _parsed(name: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"sampling parameter {name} is a text and no JSON: {error}") from error


def _check(schema: object, path: str, depth: int) -> None:
    """Raises BadRequest for the first thing in a schema that could not be kept."""
    if not isinstance(schema, dict):
        raise BadRequest(f"{path} is {schema!r:.80}; expected a JSON schema, an object")
    if depth > DEPTH_MAX:
        raise BadRequest(f"{path} is nested over {DEPTH_MAX} levels")
    kinds = [key for key in ("type", "enum", "const", "anyOf") if key in schema]
    if len(kinds) != 1:
        raise BadRequest(
            f"{path} has {' and '.join(kinds) or 'no constraint'}; expected exactly one of type, enum, const, anyOf"
        )
    known = {kinds[0]} | COMMENTS
    if kinds == ["type"]:
        if schema["type"] not in TYPES:
            raise BadRequest(f"{path}.type is {schema['type']!r:.80}; expected one of: {', '.join(TYPES)}")
        known |= SHAPES.get(schema["type"], frozenset())
    for key, inner in schema.items():
        if key not in known:
            raise BadRequest(
                f"{path}.{key[:80]} is not known here; known beside {kinds[0]}: {', '.join(sorted(known - {kinds[0]}))}"
            )
        CHECKS[key](inner, f"{path}.{key}", depth)
    _check_bounds(schema, path)


def _check_bounds(schema: Mapping[str, Any], path: str) -> None:
    for low, high in (("minItems", "maxItems"), ("minLength", "maxLength")):
        if low in schema and high in schema and schema[low] > schema[high]:
            raise BadRequest(f"{path}.{low} is {schema[low]}, above {high}, {schema[high]}; no answer could keep both")
    missing = set(schema.get("required", ())) - set(schema.get("properties", ()))
    if missing:
        raise BadRequest(f"{path}.required names {min(missing)[:80]!r}, which properties does not")


def _properties(value: object, path: str, depth: int) -> None:
    if not isinstance(value, dict):
        raise BadRequest(f"{path} is {value!r:.80}; expected an object of schemas")
    for name, inner in value.items():
        _check(inner, f"{path}.{name[:80]}", depth + 1)


def _required(value: object, path: str, _: int) -> None:
    if not isinstance(value, list) or len(value) > CHOICES_MAX or not all(isinstance(one, str) for one in value):
        raise BadRequest(f"{path} is {value!r:.80}; expected a list of at most {CHOICES_MAX} names")


def _closed(value: object, path: str, _: int) -> None:
    if value is not False:
        raise BadRequest(f"{path} is {value!r:.80}; expected false: with others the model invents keys")


def _count(value: object, path: str, _: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= ITEMS_MAX:
        raise BadRequest(f"{path} is {value!r:.80}; expected a whole number from 0 to {ITEMS_MAX}")


def _alternatives(value: object, path: str, depth: int) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= CHOICES_MAX:
        raise BadRequest(f"{path} is {value!r:.80}; expected a list of 1 to {CHOICES_MAX} schemas")
    for index, inner in enumerate(value):
        _check(inner, f"{path}[{index}]", depth + 1)


def _choices(value: object, path: str, depth: int) -> None:
    if not isinstance(value, list) or not 0 < len(value) <= CHOICES_MAX:
        raise BadRequest(f"{path} is {value!r:.80}; expected a list of 1 to {CHOICES_MAX} values")
    for index, inner in enumerate(value):
        _constant(inner, f"{path}[{index}]", depth)


def _constant(value: object, path: str, _: int) -> None:
    if isinstance(value, dict | list) or len(json.dumps(value)) > ENUM_CHARS_MAX:
        raise BadRequest(
            f"{path} is {value!r:.80}; expected a text, number, true, false or null of at most {ENUM_CHARS_MAX} characters"
        )


def _free(_: object, __: str, ___: int) -> None:
    """What was checked before, or constrains nothing."""


CHECKS: Mapping[str, Callable[[object, str, int], None]] = {
    "type": _free, "title": _free, "description": _free, "properties": _properties, "required": _required,
    "additionalProperties": _closed, "items": lambda value, path, depth: _check(value, path, depth + 1), "minItems": _count,
    "maxItems": _count, "minLength": _count, "maxLength": _count, "anyOf": _alternatives, "enum": _choices, "const": _constant,
}  # fmt: skip
