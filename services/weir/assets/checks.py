"""Checks: small functions that say what is wrong with a value of a definition, and the types that carry them.

A check takes a value and its path and yields (path, message) pairs; none means the value is right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Annotated

Finding = tuple[str, str]
"""Path and message."""

Check = Callable[[object, str], Iterator[Finding]]

NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
"""Names of assets, versions, aliases, nodes, receivers; specified. No slash, at, colon or space: they separate."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

INTEGER_MAX = 2**63 - 1
"""Largest whole number of free data: what the log and the store can hold."""

TEXT_CHARS_MAX = 65_536
"""Longest text of a definition, characters. Chosen: far above any template met."""

ITEMS_MAX = 1_000
"""Most items in one list or mapping of a definition. Arbitrary: above any met (tens); any value from 200 to 10,000 would do."""

DEPTH_MAX = 16
"""Deepest nesting of free data such as parameters. Arbitrary: any value from 8, which people write, to `strict_yaml`'s 32 less
the four levels above free data would do."""

SHOWN_CHARS = 80
"""Characters of a wrong value that a message repeats: about one line of a terminal."""


def shown(value: object) -> str:
    """A value as a message shows it: its representation, cut."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "..."


NAME_EXPECTED = "1 to 128 of A-Z a-z 0-9 . _ - without '..'"
"""What a name is, as messages say it."""


def is_name(value: object) -> bool:
    """Whether a value is a name: the specified characters, and no two dots in a row."""
    return isinstance(value, str) and NAME.fullmatch(value) is not None and ".." not in value


def name(value: object, path: str) -> Iterator[Finding]:
    """A name as text."""
    if value is not None and not isinstance(value, str | list | dict):
        yield path, f"is {shown(value)}; expected a text: put it in quotes"
    elif not is_name(value):
        yield path, f"is {shown(value)}; expected {NAME_EXPECTED}"


def text(value: object, path: str) -> Iterator[Finding]:
    """Text that is not empty."""
    if not isinstance(value, str):
        yield path, f"is {shown(value)}; expected text{' in quotes' if not isinstance(value, dict | list) else ''}"
    elif not value or len(value) > TEXT_CHARS_MAX:
        yield path, f"has {len(value)} characters; expected 1 to {TEXT_CHARS_MAX}"
    else:
        yield from storable(value, path)


def storable(value: str, path: str) -> Iterator[Finding]:
    """Text that every log and store can hold: without half of a surrogate pair and without a zero character."""
    if UNSTORABLE.search(value):
        yield path, f"is {shown(value)}, which holds a zero character or half of a surrogate pair; take it out"


def digest(value: object, path: str) -> Iterator[Finding]:
    """A content digest."""
    if not isinstance(value, str) or not re.fullmatch(r"sha256:[0-9a-f]{64}", value):
        yield path, f"is {shown(value)}; expected 'sha256:' and 64 lower-case hex digits"


def boolean(value: object, path: str) -> Iterator[Finding]:
    """true or false."""
    if not isinstance(value, bool):
        yield path, f"is {shown(value)}; expected true or false"


def number(low: float, high: float, *, whole: bool = False) -> Check:
    """A number from low to high, both included; whole: without a fraction."""
    kinds = int if whole else (int, float)
    expected = f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"

    def check(value: object, path: str) -> Iterator[Finding]:
        if isinstance(value, bool) or not isinstance(value, kinds) or not low <= value <= high:
            yield path, f"is {shown(value)}; expected {expected}"

    return check


def one_of(*words: str) -> Check:
    """One of a few words."""

    def check(value: object, path: str) -> Iterator[Finding]:
        if value not in words:
            yield path, f"is {shown(value)}; expected one of: {', '.join(words)}"

    return check


def nullable(inner: Check) -> Check:
    """null, or what `inner` accepts."""

    def check(value: object, path: str) -> Iterator[Finding]:
        if value is not None:
            yield from inner(value, path)

    return check


def list_of(inner: Check, *, items_min: int = 0) -> Check:
    """A list of at least `items_min` values that `inner` accepts."""

    def check(value: object, path: str) -> Iterator[Finding]:
        if not isinstance(value, list):
            yield path, f"is {shown(value)}; expected a list"
        elif not items_min <= len(value) <= ITEMS_MAX:
            yield path, f"has {len(value)} items; expected {items_min} to {ITEMS_MAX}"
        else:
            for index, item in enumerate(value):
                yield from inner(item, f"{path}[{index}]")

    return check


def mapping_of(inner: Check) -> Check:
    """A mapping from text to values that `inner` accepts."""

    def check(value: object, path: str) -> Iterator[Finding]:
        if not isinstance(value, dict):
            yield path, f"is {shown(value)}; expected a mapping"
        elif len(value) > ITEMS_MAX:
            yield path, f"has {len(value)} keys; expected {ITEMS_MAX} at most"
        else:
            for key, item in value.items():
                if not isinstance(key, str):
                    yield path, f"has the key {shown(key)}; expected text in quotes"
                else:
                    yield from storable(key, path)
                    yield from inner(item, f"{path}.{key}")

    return check


def either(expected: str, *choices: Check) -> Check:
    """What at least one of the checks accepts; `expected` says it in words."""

    def check(value: object, path: str) -> Iterator[Finding]:
        if all(any(True for _ in choice(value, path)) for choice in choices):
            yield path, f"is {shown(value)}; expected {expected}"

    return check


def anything(value: object, path: str) -> Iterator[Finding]:
    """What is checked elsewhere."""
    yield from ()


def data(value: object, path: str) -> Iterator[Finding]:
    """Free JSON data, bounded in depth and size."""
    yield from _data(value, path, 0)


def _data(value: object, path: str, depth: int) -> Iterator[Finding]:
    if depth > DEPTH_MAX:
        yield path, f"is nested more than {DEPTH_MAX} levels deep"
    elif isinstance(value, dict):
        yield from mapping_of(lambda item, at: _data(item, at, depth + 1))(value, path)
    elif isinstance(value, list):
        yield from list_of(lambda item, at: _data(item, at, depth + 1))(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, f"is {value!r}; expected a finite number"
    elif isinstance(value, str):
        yield from storable(value, path)
    elif isinstance(value, int) and abs(value) > INTEGER_MAX:
        yield path, f"is {shown(value)}; expected a whole number of 64 bits at most"
    elif value is not None and not isinstance(value, int | float | bool):
        yield path, f"is {shown(value)}; expected text, a number, true, false, null, a list or a mapping"


Text = Annotated[str, text]
Name = Annotated[str, name]
Digest = Annotated[str, digest]
Flag = Annotated[bool, boolean]
"""Types of fields, with their checks (see `weir.assets.shapes`)."""
