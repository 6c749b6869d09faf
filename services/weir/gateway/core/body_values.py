"""The value of a JSON body: how many values it holds is counted in its bytes before an object is made of any.

Invariant (K3): no body is read that holds more values than a request may; so reading one takes a few milliseconds, whatever
it holds. The count is never below the number of values: a value that a body of valid JSON has is counted.

Invariant (K13): a body has one meaning: one that gives a key twice is refused, naming it, where orjson would take the last.
Valid JSON has a colon outside its texts for each key it gives; an object has fewer keys where one came twice.

Cost of the count: nothing for a body of SMALL_BYTES; measured, 3 to 64 ms for one of 8 MB, by its marks and escapes.
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

BUT_MARKS = bytes(sorted(set(range(256)) - set(b'",[{')))
"""Bytes that open no value and end no text."""


def json_value(body: bytes) -> object:
    """What the body says, in strict JSON (RFC 8259) whose keys differ.

    Raises Refusal for other bytes, and as `demand_few_values` does.
    """
    demand_few_values(body)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal("invalid_request", f"the body is no JSON: {error.msg} at {where}") from error
    kept = _keys_kept(value)
    if body.count(b":") != kept and _keys_given(body) != kept:  # most bodies have no colon inside a text
        raise Refusal("invalid_request", f"the body gives {_repeated(body)} twice; keep one")
    return value


def demand_few_values(body: bytes) -> None:
    """Raises Refusal for a body with more values than a request may have. The body need not be JSON."""
    if len(body) <= SMALL_BYTES or len(body.translate(None, BUT_OPENERS)) <= MARKS_MAX:
        return  # so few, the marks inside texts too
    marks = _without_escapes(body).translate(None, BUT_MARKS)
    if marks.count(b'"') > QUOTES_MAX:
        raise _too_many()
    outside = b"".join(marks.split(b'"')[::2])
    if len(outside) > MARKS_MAX:
        raise _too_many()


def _without_escapes(body: bytes) -> bytes:
    """The body without escaped quotes and backslashes: what remains of quotes begins or ends a text."""
    return body.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in body else body


def _keys_given(body: bytes) -> int:
    """Keys of all objects of valid JSON, one that comes twice counted twice."""
    return b"".join(_without_escapes(body).split(b'"')[::2]).count(b":")


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
