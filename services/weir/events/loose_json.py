"""JSON that a stranger wrote, a client or a model: read within limits, as values that an event can carry.

Invariant: any text gives a value within the limits or nothing; no text raises, and no number or letter comes out that
Avro, JSON or UTF-8 cannot hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import orjson

CHARS_MAX = 1_048_576
"""Characters of a text that is read. Chosen: half of what is kept of a call's bytes."""

DEPTH_MAX = 32
"""Levels of lists and objects inside each other; deeper ones are null. Chosen: sampling parameters have 2, a JSON schema
for the answer about 10."""

VALUES_MAX = 10_000
"""Values altogether; those after them are null. Chosen: 64 spans have 400."""

INTEGER_MAX = 2**63 - 1
"""Largest integer that is carried, and minus one less the smallest; others are null. Avro's long (specification 1.11)."""

SMALL_CHARS = 2 * VALUES_MAX
"""A text of fewer characters holds at most VALUES_MAX values: between two of them stands a character."""

SURROGATE = re.compile("[\ud800-\udfff]")
"""Half of a pair: JSON can write it, UTF-8 cannot."""


def loose_json(text: str) -> object:
    """The value of a JSON text; None for no JSON and for one over the limits. NaN, infinities and what is over a limit
    inside it are null.
    """
    if not text or len(text) > CHARS_MAX:
        return None
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if _is_plain(text) else carried(value)


def _is_plain(text: str) -> bool:
    """Whether nothing in a JSON text can be over a limit, but for its numbers, which `DECODER` reads within theirs."""
    is_flat = text.count("[") + text.count("{") <= DEPTH_MAX
    return is_flat and len(text) < SMALL_CHARS and text.isascii() and "\\" not in text


def json_objects(text: str) -> list[Mapping[str, object]]:
    """The objects of a JSON list; empty for anything else, since what a model writes about itself is only a hint.

    A number beyond 64 bits is null or a fraction. Measured: 1 us where `loose_json` takes 4.5.
    """
    is_quick = isinstance(text, str) and bool(text) and _is_plain(text)
    try:
        value = orjson.loads(text) if is_quick else loose_json(text)
    except orjson.JSONDecodeError:  # also for NaN and infinities, which are read as null
        value = loose_json(text)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def carried(value: object) -> object:
    """A value as an event can carry it: what is over a limit inside it is null."""
    return _Carrier(VALUES_MAX).carried(value, 0)


def is_long(value: int) -> bool:
    """Whether Avro's long can carry an integer."""
    return -INTEGER_MAX - 1 <= value <= INTEGER_MAX


def _integer(digits: str) -> int | None:
    value = int(digits)
    return value if is_long(value) else None


def _float(digits: str) -> float | None:
    value = float(digits)
    return value if isfinite(value) else None


DECODER = json.JSONDecoder(parse_int=_integer, parse_float=_float, parse_constant=lambda _: None)
"""Reads numbers that no event can carry as null, also NaN and the infinities, which Python's JSON has and JSON has not."""


def clean(text: str) -> str:
    """The text as UTF-8 can carry it."""
    return text if text.isascii() else SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


@dataclass
class _Carrier:
    left: int
    """Values that may still come."""

    def carried(self, value: object, depth: int) -> object:
        self.left -= 1
        if self.left < 0 or depth > DEPTH_MAX:
            return None
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, bool):
            return value
        if isinstance(value, int):
            return value if is_long(value) else None
        if isinstance(value, dict):
            return {clean(name): self.carried(inner, depth + 1) for name, inner in value.items()}
        if isinstance(value, list):
            return [self.carried(inner, depth + 1) for inner in value]
        if isinstance(value, float):
            return value if isfinite(value) else None
        return value
