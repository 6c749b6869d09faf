"""Strict JSON: a definition that comes over HTTP, held to the same rules as one in a YAML file (see `strict_yaml`)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from typing import Any, NoReturn

DEPTH_MAX = 32
"""Deepest nesting. The registry takes 16 levels in free data, which stand four levels deep themselves."""

INTEGER_BITS = 63
"""Bits of a whole number beside its sign: what the log and the store can hold."""

DIGITS_MAX = 20
"""Characters of the longest whole number, its sign included; a longer one is refused unread: the cost of reading it grows
with the square of its length."""

SHOWN_CHARS = 60
"""Characters of a key or value that an error repeats."""

SURROGATE = re.compile("[\ud800-\udfff]")

ENVELOPE_LEVELS = 2
"""Levels of a request around its documents."""


def read_json(content: bytes) -> Any:
    """The value in a request's body. Raises ValueError saying what is wrong."""
    return value_of(content, levels_max=DEPTH_MAX + ENVELOPE_LEVELS + 1)


def value_of(content: str | bytes, *, levels_max: int, fill: Callable[[str], str] = str) -> Any:
    """The value that a text is, keys and texts filled in; its outermost one is level 1.

    Raises ValueError saying what is wrong, and what `fill` raises.
    """
    try:
        found = json.loads(
            content, object_pairs_hook=object_of_pairs, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
        value = found if fill is str else _filled(found, fill)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _check(value, levels_max)
    return value


def object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these keys and values, for `object_pairs_hook` of json. Raises ValueError naming a key given twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:SHOWN_CHARS]!r} is given twice; keep one")
        found[key] = value
    return found


def _filled(value: Any, fill: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return object_of_pairs([(fill(key), _filled(item, fill)) for key, item in value.items()])
    if isinstance(value, list):
        return [_filled(item, fill) for item in value]
    return fill(value) if isinstance(value, str) else value


def _integer(text: str) -> int:
    value = int(text) if len(text) <= DIGITS_MAX else 2**INTEGER_BITS
    if not -(2**INTEGER_BITS) <= value < 2**INTEGER_BITS:
        raise ValueError(f"the number {text[:SHOWN_CHARS]} has more than 64 bits; write it as a text in quotes")
    return value


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"the number {text[:SHOWN_CHARS]} is too large for any field")
    return value


def _constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")


def _check(value: object, levels: int) -> None:
    if levels < 1:
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
    if isinstance(value, str) and SURROGATE.search(value):
        raise ValueError(f"the text {value[:SHOWN_CHARS]!r} holds half of a surrogate pair; it cannot be stored")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, levels)
            _check(item, levels - 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, levels - 1)
