"""The value of a JSON body: how many values it holds is counted in its bytes before an object is made of any.

Invariant (K3): no body is read that holds more values than a request may; so reading one takes a few milliseconds, whatever
it holds. The count is never below the number of values: a value that a body of valid JSON has is counted.

Cost: nothing for a body of SMALL_BYTES; measured, 3 to 64 ms for one of 8 MB, by its marks and escapes.
"""

from __future__ import annotations

import orjson

from weir.gateway.core.errors import Refusal
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
    """What the body says, in strict JSON (RFC 8259). Raises Refusal for other bytes, and as `demand_few_values` does."""
    demand_few_values(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise Refusal("invalid_request", f"the body is no JSON: {error.msg} at {where}") from error


def demand_few_values(body: bytes) -> None:
    """Raises Refusal for a body with more values than a request may have. The body need not be JSON."""
    if len(body) <= SMALL_BYTES or len(body.translate(None, BUT_OPENERS)) <= MARKS_MAX:
        return  # so few, the marks inside texts too
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")  # what remains of quotes begins or ends a text
    marks = body.translate(None, BUT_MARKS)
    if marks.count(b'"') > QUOTES_MAX:
        raise _too_many()
    outside = b"".join(marks.split(b'"')[::2])
    if len(outside) > MARKS_MAX:
        raise _too_many()


def _too_many() -> Refusal:
    return Refusal("invalid_request", f"the body holds over {VALUES_MAX} values; send less in one request")
