"""Strict JSON: a definition that comes over HTTP, held to the same rules as one in a YAML file (see `strict_yaml`)."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from weir.assets.strict_yaml import DEPTH_MAX, DIGITS_MAX, INTEGER_BITS, SHOWN_CHARS, SURROGATE

ENVELOPE_LEVELS = 2
"""Levels of a request around its documents."""


def read_json(content: bytes) -> Any:
    """The value in a request's body. Raises ValueError saying what is wrong."""
    try:
        value = json.loads(
            content, object_pairs_hook=_object, parse_int=_integer, parse_float=_float, parse_constant=_constant
        )
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _check(value, 0)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key[:SHOWN_CHARS]!r} is given twice; keep one")
        found[key] = value
    return found


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


def _check(value: object, depth: int) -> None:
    if depth > DEPTH_MAX + ENVELOPE_LEVELS:
        raise ValueError(f"it is nested more than {DEPTH_MAX} levels deep")
    if isinstance(value, str) and SURROGATE.search(value):
        raise ValueError(f"the text {value[:SHOWN_CHARS]!r} holds half of a surrogate pair; it cannot be stored")
    if isinstance(value, dict):
        for key, item in value.items():
            _check(key, depth)
            _check(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, depth + 1)
