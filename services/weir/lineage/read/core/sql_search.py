"""Searches in arrays and maps: of what is searched and what is searched for, one is small enough.

Invariant: a statement does not compare each row with each item of a long list that it made up. The engine looks at the
clock between blocks of rows, and one block of a million rows against one list of 100,000 numbers takes minutes. So one
side is written out, or both are columns of the store: then the comparisons are no more than what the memory holds.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

ITEMS_MAX = 100
"""Items of a list that is written out. Measured: 100 items against a million take 0.07 s."""

IN_ITEMS = frozenset(
    "has indexof countequal arrayremove mapcontains mapcontainskey mapcontainsvalue arrayelement".split()
)
"""Functions that look for one value among the items of an array or the keys of a map. `map[key]` is arrayElement."""

IN_BOTH = frozenset("hasany hasall hassubstr arrayintersect arrayjaccardindex".split())
"""Functions that compare the items of arrays with each other: all but one array are written out, or all are columns."""

COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*")
"""A name of a column; the engine names what has no alias after its text, as `range(9)`."""


def is_column(name: str, made: Collection[str]) -> bool:
    """Whether a name is a column of the store: plain, and none that the statement gives to a thing it makes.

    made: these names, lower case.
    """
    return COLUMN.fullmatch(name) is not None and not any(part in made for part in name.lower().split("."))


def names_of_made(made: Iterable[str], copies: Iterable[tuple[str, str]]) -> frozenset[str]:
    """Names of what the statement makes, and the names of those names; each is looked at once, in whatever order they stand.

    made: names of made things, lower case. copies: a name that is given to a name, lower case, and that name.
    """
    given: dict[str, list[str]] = {}
    waiting = list(made)
    for copy, name in copies:
        if COLUMN.fullmatch(name) is None:
            waiting.append(copy)
        for part in name.lower().split("."):
            given.setdefault(part, []).append(copy)
    found: set[str] = set()
    while waiting:
        found.add(one := waiting.pop())
        waiting += given.pop(one, ())
    return frozenset(found)


def is_short_list(shown: str) -> bool:
    """Whether a list that the engine shows as one literal has few items; commas in texts count as well."""
    return shown.count(",") < ITEMS_MAX
