"""Difference: how two versions of an asset differ, field by field; texts line by line, chains node by node."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

LINES_MAX = 2_000
"""Lines of one text difference. Arbitrary: more than a person reads; any value from 500 to 10,000 would do."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs.

    path: where, for example nodes[rank].uses. change: added, removed or changed. before, after: the values, None where
    there was none. lines: unified difference for a text of several lines, else empty.
    """

    path: str
    change: str
    before: object
    after: object
    lines: tuple[str, ...] = ()


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[FieldChange, ...]:
    """What differs between two specifications of one kind, in order of path. Empty for equal ones."""
    return tuple(sorted(_compare("", before, after), key=lambda one: one.path))


def _compare(path: str, before: object, after: object) -> Iterator[FieldChange]:
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        yield from _mappings(path, before, after)
    elif _is_named(before) and _is_named(after):
        yield from _mappings(path, _by_name(before), _by_name(after))
    elif isinstance(before, list) and isinstance(after, list):
        yield from _lists(path, before, after)
    else:
        yield FieldChange(path, "changed", before, after, _lines(before, after))


def _mappings(path: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[FieldChange]:
    for key in before.keys() | after.keys():
        at = f"{path}{key}" if key.startswith("[") else f"{path}.{key}".lstrip(".")
        if key not in after:
            yield FieldChange(at, "removed", before[key], None)
        elif key not in before:
            yield FieldChange(at, "added", None, after[key])
        else:
            yield from _compare(at, before[key], after[key])


def _lists(path: str, before: list[Any], after: list[Any]) -> Iterator[FieldChange]:
    for item in before:
        if item not in after:
            yield FieldChange(path, "removed", item, None)
    for item in after:
        if item not in before:
            yield FieldChange(path, "added", None, item)
    if not any(item not in after for item in before) and not any(item not in before for item in after):
        yield FieldChange(path, "changed", before, after)


def _is_named(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, dict) and "name" in one for one in value)


def _by_name(value: Any) -> dict[str, Any]:
    return {f"[{one['name']}]": one for one in value}


def _lines(before: object, after: object) -> tuple[str, ...]:
    if not isinstance(before, str) or not isinstance(after, str) or "\n" not in before + after:
        return ()
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "before", "after", lineterm="")
    return tuple(lines)[:LINES_MAX]
