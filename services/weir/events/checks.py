"""Checks of decoded records, compiled once from each schema: numbers in their ranges, floats finite, ids and JSON whole,
names short and items few (`weir.events.bounds`).

Two depths. `storable`: what the store's tables refuse too, so that a message ends alike whoever its neighbours are.
`readable`: besides, what a service takes apart (ids that others are derived from, the registry's specifications).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Any

from weir.events.bounds import Bounds
from weir.events.errors import InvalidEvent
from weir.events.ids import UUID_TEXT
from weir.events.ranges import range_of

Record = Mapping[str, Any]
Check = Callable[[Record], None]

FLOATS = ("float", "double")
INTEGERS = ("int", "long")

CAUSES = frozenset({"event_id", "response_event_id"})
"""Ids that others are derived from (`weir.events.ids`)."""

JSON_CHARS_MAX = 1_048_576
"""Characters of a specification, the registry's own limit of a document (chosen: far above any in use)."""


def storable(schema: Mapping[str, Any]) -> Check:
    """The check of records of a schema against what can be stored. It raises InvalidEvent("undecodable")."""
    return _event(_inline(schema, {}))


def _event(schema: Mapping[str, Any]) -> Check:
    """The check of a whole event: its size first, which is cheap, then its values."""
    bounds, values = Bounds(schema), _storable(schema)

    def check(record: Record) -> None:
        bounds.check(record)
        values(record)

    return check


def _storable(schema: Mapping[str, Any]) -> Check:
    fields = [(str(field["name"]), field["type"]) for field in schema["fields"]]
    plain = [(name, allowed) for name, kind in fields if kind in INTEGERS and (allowed := range_of(name, kind))]
    floats = [name for name, kind in fields if kind in FLOATS]
    rarer = [found for name, kind in fields if not isinstance(kind, str) and (found := _of(name, kind))]

    def check(record: Record) -> None:
        for name, allowed in plain:
            value = record[name]
            if not allowed.first <= value <= allowed.last and not (allowed.or_zero and value == 0):
                raise _bad(allowed.complaint(name, value))
        for name in floats:
            if not isfinite(record[name]):
                raise _not_finite(name, record[name])
        for one in rarer:
            one(record)

    return check


def readable(schema: Mapping[str, Any]) -> Check:
    """The check of records of a schema before a service believes them. It raises InvalidEvent("undecodable")."""
    schema = _inline(schema, {})
    first = _event(schema)
    fields = {str(field["name"]): field["type"] for field in schema["fields"]}
    items = [
        (name, readable_ids)
        for name, kind in fields.items()
        if isinstance(kind, dict) and kind["type"] == "array" and (readable_ids := _ids_of(kind["items"]))
    ]
    has_spec = "body_json" in fields

    def check(record: Record) -> None:
        first(record)
        _check_id("event_id", record["event_id"])
        for name, ids in items:
            for item in record[name]:
                for one in ids:
                    _check_id(f"{name}.{one}", item[one])
        if has_spec:
            _check_object("body_json", record["body_json"])

    return check


def _inline(kind: Any, named: dict[str, Any]) -> Any:
    """The schema with every name of a record replaced by the record. named: records by name, so far."""
    if isinstance(kind, str):
        return named.get(kind, kind)
    if isinstance(kind, list):
        return [_inline(one, named) for one in kind]
    inlined = dict(kind)
    for key in ("items", "values"):
        if key in kind:
            inlined[key] = _inline(kind[key], named)
    if kind["type"] == "record":
        inlined["fields"] = [{**field, "type": _inline(field["type"], named)} for field in kind["fields"]]
        named[str(kind["name"])] = inlined
    return inlined


def _of(name: str, kind: Any) -> Check | None:
    """The check of a field that is a union, an array or a record; None where nothing can be wrong."""
    if isinstance(kind, list):
        return _of_optional(name, [one for one in kind if one != "null"])
    if kind["type"] == "record":
        inside = _storable(kind)
        return lambda record: inside(record[name])
    if kind["type"] == "array" and kind["items"] == "float":
        return _of_floats(name)
    if kind["type"] == "array" and isinstance(kind["items"], dict):
        inner = _storable(kind["items"])
        return lambda record: _each(inner, record[name])
    return None


def _of_optional(name: str, kinds: Sequence[Any]) -> Check | None:
    ranges = [allowed for kind in kinds if kind in INTEGERS and (allowed := range_of(name, kind))]
    if not ranges and not any(kind in FLOATS for kind in kinds):
        return None

    def check(record: Record) -> None:
        value = record[name]
        if isinstance(value, float) and not isfinite(value):
            raise _not_finite(name, value)
        if isinstance(value, int) and not all(allowed.first <= value <= allowed.last for allowed in ranges):
            raise _bad(ranges[0].complaint(name, value))

    return check


def _of_floats(name: str) -> Check:
    def check(record: Record) -> None:
        # One addition a number instead of one call: a sum of float32 is finite if and only if each of them is.
        total = sum(record[name])
        if not isfinite(total):
            raise _not_finite(name, total)

    return check


def _each(check: Check, items: Sequence[Record]) -> None:
    for item in items:
        check(item)


def _ids_of(items: Any) -> list[str]:
    fields = items["fields"] if isinstance(items, dict) and items.get("type") == "record" else []
    return [str(field["name"]) for field in fields if field["name"] in CAUSES]


def _check_id(name: str, value: str) -> None:
    if not UUID_TEXT.fullmatch(value):
        raise _bad(f"{name} is {value[:50]!r}; expected a UUID as 36 lower-case characters")


def _check_object(name: str, text: str) -> None:
    if len(text) > JSON_CHARS_MAX:
        raise _bad(f"{name} has {len(text)} characters; at most {JSON_CHARS_MAX} are taken")
    try:
        value = json.loads(text, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise _bad(
            f"{name} of {len(text)} characters is no JSON that can be written again: {type(error).__name__}"
        ) from None
    if not isinstance(value, dict):
        raise _bad(f"{name} holds a JSON {type(value).__name__}; expected an object")


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON number")


def _not_finite(name: str, value: float) -> InvalidEvent:
    return _bad(f"{name} is {value}; expected a finite number")


def _bad(detail: str) -> InvalidEvent:
    return InvalidEvent("undecodable", detail)
