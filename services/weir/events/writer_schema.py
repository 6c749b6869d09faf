"""Schemas of writers, as texts that anybody can register: read only where every body written with one has a bound.

The invariant: a schema that passes here is a named record, ends (no record holds itself), has at most `VALUES_MAX` values
outside arrays, and makes every item of an array cost at least a byte. So a body of n bytes makes at most n items of a
bounded size, and a decoder cannot be made to recurse. Measured with fastavro 1.13: a body of 10 bytes asked for a list of
2**60 nulls, and one of 5,000 bytes that nests records ended the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import fastavro

from weir.events.errors import InvalidEvent

TEXT_CHARS_MAX = 262_144
"""Characters of a schema. Chosen: ten times our largest."""

DEPTH_MAX = 16
"""Schemas inside schemas. Chosen: our deepest has six."""

VALUES_MAX = 1_000
"""Values of one record, those of the records in it included, an array's items counted once. Chosen: ours have below 100.
Records that each hold the one before twice would double with every line of the schema."""

LOGICAL = ("logicalType", "precision", "scale")


def writer_schema(text: str) -> tuple[str, Any]:
    """Event name and parsed schema. Logical types are dropped: an event's times are plain numbers.

    Raises InvalidEvent("unknown_schema") for a text that is no usable schema of a record.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise _unusable(f"it has {len(text)} characters; at most {TEXT_CHARS_MAX} are taken")
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _unusable(f"it is no JSON ({type(error).__name__})") from None
    if not isinstance(schema, dict) or schema.get("type") != "record" or not isinstance(schema.get("name"), str):
        raise _unusable("it is no record with a name, and every event is one")
    plain, _ = _bound(schema, {}, frozenset(), DEPTH_MAX)
    try:
        return str(schema["name"]), fastavro.parse_schema(plain)
    except Exception as error:  # noqa: BLE001  # fastavro raises many kinds; each means: no schema
        raise _unusable(f"{type(error).__name__}: {error}"[:300]) from None


@dataclass(frozen=True, slots=True)
class _Size:
    """Of one value: the fewest bytes that it costs, and how many values it holds, itself included."""

    bytes_min: int = 1
    values: int = 1


def _bound(schema: Any, named: dict[str, _Size], open_names: frozenset[str], depth: int) -> tuple[Any, _Size]:
    """The schema without logical types, and the size of a value. named: sizes by name, so far."""
    if depth == 0:
        raise _unusable(f"it nests deeper than {DEPTH_MAX}")
    if isinstance(schema, str):
        name = schema.rpartition(".")[2]
        if name in open_names:
            raise _unusable(f"{name!r} holds itself, so its values have no depth that is known before they are read")
        return schema, named.get(name, _Size(bytes_min=0 if schema == "null" else 1))
    if isinstance(schema, list):
        branches = [_bound(one, named, open_names, depth - 1) for one in schema]
        return [plain for plain, _ in branches], _Size(values=max([1, *(size.values for _, size in branches)]))
    if not isinstance(schema, dict):
        raise _unusable(f"{str(schema)[:50]!r} is no type")
    plain = {key: value for key, value in schema.items() if key not in LOGICAL}
    kind = plain.get("type")
    if kind in ("record", "error"):
        return plain, _record(plain, named, open_names, depth)
    if kind in ("enum", "fixed"):
        named[_name(plain)] = _Size(bytes_min=0 if plain.get("size") == 0 else 1)
        return plain, named[_name(plain)]
    if kind == "array":
        plain["items"], item = _bound(plain.get("items"), named, open_names, depth - 1)
        if item.bytes_min == 0:
            raise _unusable("an array holds items of no bytes, so a short body could hold any number of them")
        return plain, _Size(values=1 + item.values)
    if kind == "map":  # an entry has a key, which costs a byte
        plain["values"], value = _bound(plain.get("values"), named, open_names, depth - 1)
        return plain, _Size(values=1 + value.values)
    plain["type"], size = _bound(kind, named, open_names, depth - 1)
    return plain, size


def _record(plain: dict[str, Any], named: dict[str, _Size], open_names: frozenset[str], depth: int) -> _Size:
    fields = plain.get("fields")
    if not isinstance(fields, list) or not all(isinstance(field, dict) and "type" in field for field in fields):
        raise _unusable(f"record {_name(plain)!r} has no list of typed fields")
    found = [_bound(field["type"], named, open_names | {_name(plain)}, depth - 1) for field in fields]
    size = _Size(sum(one.bytes_min for _, one in found), 1 + sum(one.values for _, one in found))
    if size.values > VALUES_MAX:
        raise _unusable(f"record {_name(plain)!r} has {size.values} values; at most {VALUES_MAX} are taken")
    plain["fields"] = [
        {key: value for key, value in field.items() if key not in LOGICAL} | {"type": kind}
        for field, (kind, _) in zip(fields, found, strict=True)
    ]
    named[_name(plain)] = size
    return size


def _name(plain: Mapping[str, Any]) -> str:
    return str(plain.get("name", "")).rpartition(".")[2]


def _unusable(why: str) -> InvalidEvent:
    return InvalidEvent("unknown_schema", f"the schema cannot be used: {why}")
