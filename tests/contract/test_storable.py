"""The tables refuse what the codec refuses: ranges of numbers, whole texts, sizes and ids, written down twice, compared here."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from weir.events import SCHEMA_JSON, TOPICS
from weir.events.bounds import COPIED_BYTES_MAX, ITEMS_MAX, NAME_BYTES_MAX, Bounds
from weir.events.checks import causes_of_items
from weir.events.ids import UUID_TEXT
from weir.events.ranges import INT, ValueRange, range_of
from weir.lineage.store.migrate import migrations

AND = "\n    AND "
BOUNDS_MIGRATION = "0011_bounded.sql"
IDS_MIGRATION = "0018_event_ids.sql"


def expected(topic: str) -> list[str]:
    """What the checks of a topic's table ask, in the order of its fields."""
    schema = json.loads(SCHEMA_JSON[TOPICS[topic].event])
    return _of_fields(schema["fields"], "", _inlined(schema, {}))


def checks(topic: str) -> list[str]:
    """What they do ask: those of the table, and those that came with columns that it got later."""
    table = topic.replace("-", "_")
    statement = re.compile(rf"ALTER TABLE {table} ADD CONSTRAINT IF NOT EXISTS storable\w* CHECK (.*?);\n", re.DOTALL)
    texts = [migration.text for migration in migrations()]
    return [clause for text in texts for found in statement.findall(text + "\n") for clause in found.split(AND)]


def _of_fields(fields: list[Any], holder: str, schema: Any) -> list[str]:
    inlined = {field["name"]: field["type"] for field in schema["fields"]}
    found: list[str] = []
    for field in fields:
        name = field["name"]
        value = f"tupleElement({holder}, '{name}')" if holder else name
        found += _of(name, value, inlined[name], holder)
    return found


def _of(name: str, value: str, kind: Any, holder: str) -> list[str]:
    if isinstance(kind, list):
        inner = [one for one in kind if one != "null"]
        return [clause.replace(value, f"ifNull({value}, 0)") for clause in _of(name, value, inner[0], holder)]
    if kind in ("float", "double"):
        return [f"isFinite({value})"]
    if kind == "string":
        return [f"isValidUTF8({value})"]
    if kind in ("int", "long"):
        span = range_of(name, kind)
        return [] if span in (None, INT) else [_within(value, span)]
    if not isinstance(kind, dict):
        return []
    if kind["type"] == "record":
        return _of_fields(kind["fields"], value, kind)
    if kind["type"] == "map":
        return [f"arrayAll(text -> isValidUTF8(text), {part}({value}))" for part in ("mapKeys", "mapValues")]
    if kind["type"] == "array" and kind["items"] == "string":
        return [f"arrayAll(text -> isValidUTF8(text), {value})"]
    if kind["type"] == "array" and kind["items"] == "float":
        return [f"isFinite(arraySum({value}))"]
    if kind["type"] == "array" and isinstance(kind["items"], dict):
        item = f"{name}_item"
        clauses = _of_fields(kind["items"]["fields"], item, kind["items"])
        return [f"arrayAll({item} -> {' AND '.join(clauses)}, {value})"] if clauses else []
    return []


def _within(value: str, span: ValueRange | None) -> str:
    assert span is not None
    within = f"{value} BETWEEN {span.first} AND {span.last}"
    return f"({value} = 0 OR {within})" if span.or_zero else within


def _inlined(kind: Any, named: dict[str, Any]) -> Any:
    """The schema with names of records replaced by the records."""
    if isinstance(kind, str):
        return named.get(kind, kind)
    if isinstance(kind, list):
        return [_inlined(one, named) for one in kind]
    inlined = {**kind, **{key: _inlined(kind[key], named) for key in ("items", "values") if key in kind}}
    if kind["type"] == "record":
        inlined["fields"] = [{**field, "type": _inlined(field["type"], named)} for field in kind["fields"]]
        named[kind["name"]] = inlined
    return inlined


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_table_refuses_the_numbers_that_the_codec_refuses(topic: str) -> None:
    assert checks(topic) == expected(topic)


def expected_bounds(topic: str) -> str:
    """The statement that gives a topic's table its bounds."""
    bounds = Bounds(json.loads(SCHEMA_JSON[TOPICS[topic].event]))
    clauses = [f"length({name}) <= {NAME_BYTES_MAX}" for name in bounds.names]
    clauses += [f"length({name}) <= {ITEMS_MAX}" for name in bounds.lists]
    if bounds.copied_lists:
        items, names = (
            " + ".join(f"length({name})" for name in group) for group in (bounds.copied_lists, bounds.copied_names)
        )
        clauses.append(f"({items}) * ({names}) <= {COPIED_BYTES_MAX}")
    joined = "\n    AND ".join(clauses)
    return f"ALTER TABLE {topic.replace('-', '_')} ADD CONSTRAINT IF NOT EXISTS bounded CHECK {joined};"


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_table_refuses_the_sizes_that_the_codec_refuses(topic: str) -> None:
    [text] = [one.text for one in migrations() if one.name == BOUNDS_MIGRATION]

    assert expected_bounds(topic) in text


def expected_ids(topic: str) -> str:
    """The statement that makes a topic's table refuse an id that is no UUID in lower case."""
    schema = json.loads(SCHEMA_JSON[TOPICS[topic].event])
    clauses = [f"match(event_id, '^{UUID_TEXT.pattern}$')"]
    for name, ids in causes_of_items(_inlined(schema, {})).items():
        item = f"{name}_item"
        clauses += [
            f"arrayAll({item} -> match(tupleElement({item}, '{one}'), '^{UUID_TEXT.pattern}$'), {name})" for one in ids
        ]
    checked = AND.join(clauses)
    return f"ALTER TABLE {topic.replace('-', '_')} ADD CONSTRAINT IF NOT EXISTS identified CHECK {checked};"


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_a_table_refuses_the_ids_that_the_codec_refuses(topic: str) -> None:
    [text] = [one.text for one in migrations() if one.name == IDS_MIGRATION]

    assert expected_ids(topic) in text
