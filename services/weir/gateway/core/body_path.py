"""Where a value of a JSON body stands, written as OpenAI writes it: `messages[0].content`.

For bodies that are refused: they are looked through once, token by token. What comes before the place must be a beginning of
valid JSON; a path is then never a guess. Each token has a comma, a colon or a bracket beside it, so `body_values` bounds
their number. Measured, CPU time: 40 ms for 16,000 keys, 80 ms for 8 MB of escaped quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import orjson

from weir.access.refusals import NAME_CHARS_MAX, cut

TOKEN = re.compile(r'"[^"]*"?|[{}\[\],:]|[^"{}\[\],:]+')
"""A text, a mark, or all that stands between those: space, a number, a word."""


@dataclass(slots=True)
class _Level:
    """One object or list that is open."""

    is_object: bool
    key: str = ""
    index: int = 0
    has_key: bool = False
    has_value: bool = False
    """Whether what stands after the last comma has its key, and its value."""
    seen: set[str] = field(default_factory=set)

    def is_at_key(self) -> bool:
        """Whether a text that comes now is a key."""
        return self.is_object and not self.has_key

    def next(self) -> None:
        """Go on after a comma."""
        self.index, self.has_key, self.has_value = self.index + 1, False, False


def path_at(text: str, position: int) -> str:
    """The path of the value that the character at this position belongs to: of the object or list around it where it belongs
    to no value. Empty where no field is known."""
    for token, levels in _walk(text):
        if token.end() > position:
            inner = levels[-1] if levels else None
            before = token[0][: position - token.start()] if token[0][0] not in '"{[' else ""
            is_value = inner is not None and not inner.is_at_key() and not inner.has_value and not before.strip()
            return _path(levels if is_value else levels[:-1])
    return ""


def repeated_in(text: str) -> tuple[str, str] | None:
    """The first key of valid JSON that its object has already, and its path; None where all differ."""
    for token, levels in _walk(text):
        if token[0][0] == '"' and levels and levels[-1].is_at_key():
            key = _key(text, token)
            if key in levels[-1].seen:
                levels[-1].key = key
                return key, _path(levels)
    return None


def _walk(text: str) -> Iterator[tuple[re.Match[str], list[_Level]]]:
    """Each token with the levels that are open before it."""
    levels: list[_Level] = []
    for token in TOKEN.finditer(_without_escapes(text)):
        yield token, levels
        _take(text, token, levels)


def _take(text: str, token: re.Match[str], levels: list[_Level]) -> None:
    mark = token[0][0]
    if mark in "{[":
        levels.append(_Level(mark == "{"))
    elif mark in "}]":
        del levels[-1:]
        _valued(levels)
    elif levels and mark == ",":
        levels[-1].next()
    elif levels and mark == '"' and levels[-1].is_at_key():
        levels[-1].key = _key(text, token)
        levels[-1].seen.add(levels[-1].key)
    elif levels and mark == ":":
        levels[-1].has_key = True
    elif not token[0].isspace():
        _valued(levels)


def _valued(levels: list[_Level]) -> None:
    if levels:
        levels[-1].has_value = True


def _without_escapes(text: str) -> str:
    """As long as the text, and without escaped quotes: each quote that remains begins or ends a text."""
    return text.replace("\\\\", "  ").replace('\\"', "  ") if "\\" in text else text


def _key(text: str, token: re.Match[str]) -> str:
    return str(orjson.loads(text[token.start() : token.end()]))


def _path(levels: list[_Level]) -> str:
    """The path; its first key where it is longer than a name may be. A body that is a list has no fields."""
    if not levels or not levels[0].is_object:
        return ""
    path = "".join(f".{cut(one.key)}" if one.is_object else f"[{one.index}]" for one in levels)[1:]
    return path if len(path) <= NAME_CHARS_MAX else cut(levels[0].key)
