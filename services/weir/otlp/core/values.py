"""Values of OpenTelemetry's attributes as text and as plain JSON values, within bounds.

Law: the work is bounded by the characters that are kept, not by what the value holds; a text that is cut says so.
"""

from __future__ import annotations

import base64
import json
from math import isfinite

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from weir.events.loose_json import carried, clean

Plain = object
"""A JSON value: None, bool, int, float, str, a list or a dict of such."""

BYTES_PER_CHAR_MAX = 4
"""UTF-8 bytes of a character at most."""

BYTES_MAX = 1_048_576
"""Bytes of a list or map that is read at all. Chosen: as much as `loose_json` reads of a text."""


def text_of(value: AnyValue, chars_max: int) -> tuple[str, bool]:
    """The value as text of at most so many characters, and whether something is missing of it.

    A list or map is JSON, bytes are base64 (OTLP's own JSON form). One that is larger than can be kept is left out whole: half a
    JSON text is none.
    """
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value[:chars_max], len(value.string_value) > chars_max
    if kind == "bytes_value":
        encoded = base64.b64encode(value.bytes_value[:chars_max]).decode()
        return encoded[:chars_max], (len(value.bytes_value) + 2) // 3 * 4 > chars_max
    if kind in ("array_value", "kvlist_value"):
        if value.ByteSize() > min(chars_max * BYTES_PER_CHAR_MAX, BYTES_MAX):
            return "", True
        whole = _plain(value)
        kept = carried(whole)
        text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"))
        return (text, kept != whole) if len(text) <= chars_max else ("", True)
    return _scalar(value, kind), False


def _scalar(value: AnyValue, kind: str | None) -> str:
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "int_value":
        return str(value.int_value)
    if kind == "double_value":
        return str(value.double_value)
    return ""


def plain_of(value: AnyValue) -> Plain:
    """The value as JSON can carry it, within the limits of `loose_json`: what is over one is null."""
    if value.WhichOneof("value") in ("array_value", "kvlist_value") and value.ByteSize() > BYTES_MAX:
        return None
    return carried(_plain(value))


def _plain(value: AnyValue) -> Plain:
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return {clean(one.key): _plain(one.value) for one in value.kvlist_value.values}
    if kind == "double_value":
        return value.double_value if isfinite(value.double_value) else None
    if kind == "int_value":
        return value.int_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    return None


def word_of(value: AnyValue | None, chars_max: int = 256) -> str:
    """A text attribute as a word; empty where there is none, or one of another type."""
    if value is None or value.WhichOneof("value") != "string_value":
        return ""
    return value.string_value[:chars_max]


def count_of(value: AnyValue | None, most: int = 2**31 - 1) -> int | None:
    """A count, 0 to `most`; None for anything else. A whole number that was sent as a fraction or as text counts."""
    number = number_of(value)
    if number is None or not number.is_integer() or not 0 <= number <= most:
        return None
    return int(number)


def number_of(value: AnyValue | None) -> float | None:
    """A finite number; None for anything else. Integers beyond 2^53 lose their last digits."""
    kind = None if value is None else value.WhichOneof("value")
    if value is None or kind not in ("int_value", "double_value", "string_value"):
        return None
    if kind == "string_value":
        return _read_number(value.string_value)
    number = float(value.int_value) if kind == "int_value" else value.double_value
    return number if isfinite(number) else None


def _read_number(text: str) -> float | None:
    try:
        number = float(text[:40])
    except ValueError:
        return None
    return number if isfinite(number) else None
