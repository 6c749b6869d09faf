"""The value of a JSON body: how many values it holds is counted in its bytes before an object is made of any.

Invariant (K3): no body is read that holds more values than a request may. The count is never below the number of values: a
value that a body of valid JSON has is counted.

Invariant (K13): a body has one meaning: one that gives a key twice is refused, naming it, where orjson would take the last.
Valid JSON has a colon outside its texts for each key it gives; an object has fewer keys where one came twice.

Cost beside reading: the body is looked through a fixed number of times, its escapes are cut out once at most. Measured, 15 ms
for 8 MB of plain text and 60 ms for 8 MB of escaped quotes.
"""

from __future__ import annotations

import json

import orjson

from weir.access.refusals import Refusal, cut
from weir.gateway.core.openai_request import VALUES_MAX

SMALL_BYTES = 2 * VALUES_MAX
"""A body of so many bytes holds no more values than that: one has a byte, and a comma or a bracket before it."""

MARKS_MAX = 2 * VALUES_MAX + 1
"""Commas and opening brackets of a body. Each value but the first comes after one of them; an empty list or object has one
without a value in it."""

QUOTES_MAX = 4 * VALUES_MAX
"""Quotes of a body: two for each value and two for each name."""

BUT_OPENERS = bytes(sorted(set(range(256)) - set(b",[{")))
"""Bytes that open no value."""

BUT_MARKS = bytes(sorted(set(range(256)) - set(b'",[{:')))
"""Bytes that open no value, end no text and name nothing."""


def json_value(body: bytes) -> object:
    """What the body says, in strict JSON (RFC 8259) whose keys differ.

    Raises Refusal for other bytes, and as `demand_few_values` does.
    """
    marks = demand_few_values(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal("invalid_request", f"the body is no JSON: {error.msg} at {where}") from error
    kept = _keys_kept(value)
    if body.count(b":") != kept:  # most bodies have no colon inside a text
        marks = _marks_outside_texts(body) if marks is None else marks
        if marks.count(b":") != kept:
            raise Refusal("invalid_request", f"the body gives {_repeated(body)} twice; keep one")
    return value


def demand_few_values(body: bytes) -> bytes | None:
    """Its marks outside texts where they had to be found, else None. The body need not be JSON.

    Raises Refusal for a body with more values than a request may have.
    """
    if len(body) <= SMALL_BYTES or len(body.translate(None, BUT_OPENERS)) <= MARKS_MAX:
        return None  # so few, the marks inside texts too
    outside = _marks_outside_texts(body)
    if len(outside) - outside.count(b":") > MARKS_MAX:
        raise _too_many()
    return outside


def _marks_outside_texts(body: bytes) -> bytes:
    """The commas, opening brackets and colons of a body that stand in no text. Raises Refusal for too many quotes."""
    marks = _without_escapes(body).translate(None, BUT_MARKS)
    if marks.count(b'"') > QUOTES_MAX:
        raise _too_many()
    return b"".join(marks.split(b'"')[::2])


def _without_escapes(body: bytes) -> bytes:
    """The body without escaped quotes and backslashes: what remains of quotes begins or ends a text."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body


def _keys_kept(value: object) -> int:
    """Keys of all objects inside a value."""
    count, left = 0, [value]
    while left:
        one = left.pop()
        if type(one) is dict:
            count += len(one)
            left += one.values()
        elif type(one) is list:
            left += one
    return count


def _repeated(body: bytes) -> str:
    """A key that valid JSON gives twice in one object, quoted."""
    found: list[str] = []

    def look(pairs: list[tuple[str, object]]) -> None:
        seen = set[str]()
        for key, _ in pairs:
            if key in seen:
                found.append(key)
            seen.add(key)

    try:
        json.loads(body, object_pairs_hook=look, parse_int=str, parse_float=str)
    except RecursionError:
        return "a key"
    return f"the key {cut(found[0])!r}"


def _too_many() -> Refusal:
    return Refusal("invalid_request", f"the body holds over {VALUES_MAX} values; send less in one request")
