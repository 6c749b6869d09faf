"""Checks of decoded records and of events, compiled once from each schema: numbers in range, floats finite, ids and JSON whole,
names short and items few (`weir.events.bounds`).

Two depths. `storable`: what the store's tables refuse too, so that a message ends alike whoever its neighbours are.
`readable`: besides, what a service takes apart (the registry's specifications).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from operator import itemgetter
from typing import Any

from weir.events.bounds import Bounds, Get, values_of
from weir.events.errors import InvalidEvent
from weir.events.ids import UUID_TEXT
from weir.events.ranges import ValueRange, range_of

Record = Any
"""What is checked: a dictionary, whose values `itemgetter` reads, or an event, which `attrgetter` reads."""

Check = Callable[[Record], None]

FLOATS = ("float", "double")
INTEGERS = ("int", "long")

CAUSES = frozenset({"event_id", "response_event_id"})
"""Ids that others are derived from (`weir.events.ids`)."""

JSON_CHARS_MAX = 1_048_576
"""Characters of a specification, the registry's own limit of a document (chosen: far above any in use)."""


def storable(schema: Mapping[str, Any]) -> Check:
    """The check of decoded records of a schema against what can be stored. It raises InvalidEvent("undecodable")."""
    return _event(_inline(schema, {}), itemgetter)


def _event(schema: Mapping[str, Any], get: Get) -> Check:
    """The check of a whole event: its size first, which is cheap, then its values, then its ids."""
    bounds, values, ids = Bounds(schema, get), _storable(schema, get), _of_ids(schema, get)

    def check(record: Record) -> None:
        bounds.check(record)
        values(record)
        ids(record)

    return check


def _of_ids(schema: Mapping[str, Any], get: Get) -> Check:
    """The check of the ids that others are derived from: that of the event, and those of its items."""
    event_id_of = get("event_id")
    ids_of_items = [
        (get(name), f"{name}.{one}", get(one)) for name, ones in causes_of_items(schema).items() for one in ones
    ]

    def check(record: Record) -> None:
        _check_id("event_id", event_id_of(record))
        for items_of, name, id_of in ids_of_items:
            for item in items_of(record):
                _check_id(name, id_of(item))

    return check


def causes_of_items(schema: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of the ids in the records of a schema's lists, by list; only lists whose records have one.

    schema: with every name of a record replaced by the record.
    """
    kinds = {str(field["name"]): field["type"] for field in schema["fields"]}
    lists = {name: kind["items"] for name, kind in kinds.items() if isinstance(kind, dict) and kind["type"] == "array"}
    return {name: ids for name, items in lists.items() if (ids := _ids_of(items))}


def _storable(schema: Mapping[str, Any], get: Get) -> Check:
    """The check of a record's values; those of the most fields first."""
    fields = [(str(field["name"]), field["type"]) for field in schema["fields"]]
    ranges = {name: allowed for name, kind in fields if kind in INTEGERS and (allowed := range_of(name, kind))}
    floats = [name for name, kind in fields if kind in FLOATS]
    found = [_of_integers(ranges, get)] if ranges else []
    found += [_of_each_float(floats, get)] if floats else []
    found += [rarer for name, kind in fields if not isinstance(kind, str) and (rarer := _of(name, kind, get))]

    def check(record: Record) -> None:
        for one in found:
            one(record)

    return found[0] if len(found) == 1 else check


def _of_integers(ranges: Mapping[str, ValueRange], get: Get) -> Check:
    integers_of = values_of(list(ranges), get)
    limits = [(name, allowed.first, allowed.last) for name, allowed in ranges.items()]

    def check(record: Record) -> None:
        for (name, first, last), value in zip(limits, integers_of(record)):  # noqa: B905  # as many; strict costs a tenth
            if not first <= value <= last and not (ranges[name].or_zero and value == 0):
                raise _bad(ranges[name].complaint(name, value))

    return check


def _of_each_float(names: Sequence[str], get: Get) -> Check:
    floats_of = values_of(names, get)

    def check(record: Record) -> None:
        for name, value in zip(names, floats_of(record)):  # noqa: B905  # as many; strict costs a tenth
            if not isfinite(value):
                raise _not_finite(name, value)

    return check


def readable(schema: Mapping[str, Any], get: Get = itemgetter) -> Check:
    """The check of records of a schema before a service believes them. It raises InvalidEvent("undecodable").

    get: how a value is read, `itemgetter` of decoded records, `attrgetter` of events.
    """
    schema = _inline(schema, {})
    first = _event(schema, get)
    if not any(field["name"] == "body_json" for field in schema["fields"]):
        return first
    spec_of = get("body_json")

    def check(record: Record) -> None:
        first(record)
        _check_object("body_json", spec_of(record))

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


def _of(name: str, kind: Any, get: Get) -> Check | None:
    """The check of a field that is a union, an array or a record; None where nothing can be wrong."""
    if isinstance(kind, list):
        return _of_optional(name, [one for one in kind if one != "null"], get)
    value_of = get(name)
    if kind["type"] == "record":
        inside = _storable(kind, get)
        return lambda record: inside(value_of(record))
    if kind["type"] == "array" and kind["items"] == "float":
        return _of_floats(name, get)
    if kind["type"] == "array" and isinstance(kind["items"], dict):
        inner = _storable(kind["items"], get)
        return lambda record: _each(inner, value_of(record))
    return None


def _of_optional(name: str, kinds: Sequence[Any], get: Get) -> Check | None:
    ranges = [allowed for kind in kinds if kind in INTEGERS and (allowed := range_of(name, kind))]
    if not ranges and not any(kind in FLOATS for kind in kinds):
        return None
    value_of = get(name)

    def check(record: Record) -> None:
        value = value_of(record)
        if isinstance(value, float) and not isfinite(value):
            raise _not_finite(name, value)
        if isinstance(value, int) and not all(allowed.first <= value <= allowed.last for allowed in ranges):
            raise _bad(ranges[0].complaint(name, value))

    return check


def _of_floats(name: str, get: Get) -> Check:
    values_of_record = get(name)

    def check(record: Record) -> None:
        # One addition a number instead of one call: a sum of float32 is finite if and only if each of them is.
        total = sum(values_of_record(record))
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
