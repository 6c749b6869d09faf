"""The fields of OpenAI bodies: how each value is read, and who uses it.

Invariant (K13): a field that is accepted has a consumer, and its table says which; every other field, and every value of
the wrong type or out of range, is refused by its name. null is the same as absent.
"""

from __future__ import annotations

import math
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weir.access.refusals import NAME_CHARS_MAX, Refusal, cut

TOKENS_MAX = 2**31 - 1
"""Most tokens of an answer: the largest INT32, the type that TensorRT-LLM takes them in."""

SEED_MAX = 2**63 - 1
"""Largest seed: the event keeps it as a 64-bit number."""

STOPS_MAX, STOP_CHARS_MAX = 4, 256
"""Stop texts of a request (OpenAI's limit), and characters of each: four of them stay far below one prompt."""

LABEL_CHARS_MAX = 512
"""Characters of a value that only labels the call. OpenAI's limit for a value of `metadata`."""

METADATA_MAX, METADATA_KEY_CHARS_MAX = 16, 64
"""Entries of `metadata`, and characters of a key. OpenAI's limits."""

Read = Callable[[str, object], Any]
"""(name, value that is not null) -> value as it is used. Raises Refusal."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a body."""

    read: Read
    consumer: str
    """Who uses the value; for a neutral value why there is nothing to use."""


def read_fields(body: Mapping[str, object], table: Mapping[str, Field], what: str) -> dict[str, Any]:
    """The fields that are there and not null, read. Raises Refusal naming the first that cannot be used."""
    unknown = next((name for name, value in body.items() if value is not None and name not in table), None)
    if unknown is not None:
        shown = cut(unknown)
        raise Refusal(
            "invalid_request",
            f"field {shown!r} is not supported for {what}; supported: {', '.join(sorted(table))}",
            field=shown,
        )
    return {name: table[name].read(name, value) for name, value in body.items() if value is not None}


def wrong(name: str, value: object, expected: str) -> Refusal:
    """The refusal of a value."""
    return Refusal("invalid_request", f"{name} is {reprlib.repr(value)}; expected {expected}", field=name)


def route(name: str, value: object) -> str:
    """A non-empty text that can be the name of a route."""
    if not isinstance(value, str) or not 0 < len(value) <= NAME_CHARS_MAX:
        raise wrong(name, value, f"a text of 1 to {NAME_CHARS_MAX} characters")
    return value


def flag(name: str, value: object) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise wrong(name, value, "true or false")
    return value


def number(low: float, high: float) -> Read:
    """A finite number within bounds, both included."""

    def read(name: str, value: object) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not is_number or not isinstance(value, int | float) or not low <= value <= high:
            raise wrong(name, value, f"a number from {low:g} to {high:g}")
        return value

    return read


def whole(low: int, high: int) -> Read:
    """A whole number within bounds, both included."""

    def read(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise wrong(name, value, f"a whole number from {low} to {high}")
        return value

    return read


def stops(name: str, value: object) -> str | list[str]:
    """One stop text, or a list of them; given on as it was sent."""
    listed = value if isinstance(value, list) else [value]
    fits = all(isinstance(stop, str) and 0 < len(stop) <= STOP_CHARS_MAX for stop in listed)
    if not 1 <= len(listed) <= STOPS_MAX or not fits:
        raise wrong(name, value, f"a text of at most {STOP_CHARS_MAX} characters or a list of 1 to {STOPS_MAX} of them")
    return value  # type: ignore[return-value]  # checked: a text or a list of texts


def label(name: str, value: object) -> str:
    """A text that names something about the call."""
    if not isinstance(value, str) or len(value) > LABEL_CHARS_MAX:
        raise wrong(name, value, f"a text of at most {LABEL_CHARS_MAX} characters")
    return value


def metadata(name: str, value: object) -> dict[str, str]:
    """Up to sixteen short labels."""
    if not isinstance(value, dict) or len(value) > METADATA_MAX:
        raise wrong(name, value, f"an object of at most {METADATA_MAX} texts")
    for key in value:
        if not 0 < len(key) <= METADATA_KEY_CHARS_MAX:
            raise wrong(name, key, f"keys of 1 to {METADATA_KEY_CHARS_MAX} characters")
    return {key: label(f"{name}.{key}", one) for key, one in value.items()}


def stream_options(name: str, value: object) -> bool:
    """Whether the usage is to be sent at the end of the stream."""
    if not isinstance(value, dict):
        raise wrong(name, value, "an object")
    inner = {f"{name}.{key}": one for key, one in value.items()}
    found = read_fields(
        inner,
        {
            f"{name}.include_usage": Field(flag, "the last chunk"),
            f"{name}.include_obfuscation": neutral(False, why="chunks are not padded"),
        },
        name,
    )
    return bool(found.get(f"{name}.include_usage"))


def neutral(*values: object, why: str) -> Field:
    """A field of which only these values are accepted: they ask for what is done anyway."""

    def read(name: str, value: object) -> object:
        if not any(type(value) is type(one) and value == one for one in values):
            raise wrong(name, value, f"{' or '.join(map(repr, values))} or nothing: {why}")
        return value

    return Field(read, f"nothing to do: {why}")
