"""A JSON body is one object within its bound, read by the rules of `strict_json`; what is refused is named."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request

from weir.runtime.http.json_body import BadBody, LongBody, demand_keys, json_object

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
OBJECT = st.dictionaries(TEXT, TEXT | st.booleans() | st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6)


def request_of(*pieces: bytes) -> Request:
    """A request whose body comes in pieces."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]

    async def receive() -> dict[str, object]:
        return left.pop(0) if left else {"type": "http.request", "body": b"", "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


@given(OBJECT, st.data())
async def test_any_object_is_read_as_it_was_written(value: dict[str, object], data: st.DataObject) -> None:
    body = json.dumps(value).encode()
    at = data.draw(st.integers(0, len(body)))

    assert await json_object(request_of(body[:at], body[at:]), len(body)) == value


async def test_a_byte_over_the_bound_is_too_long_whatever_it_says() -> None:
    with pytest.raises(LongBody, match="larger than 9 bytes"):
        await json_object(request_of(b'{"a": 1', b"23}"), 9)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "no JSON"),
        (b"\xff{}", "no JSON"),
        (b"[" * 4_096, "nested too deeply"),
        (b'{"a": ' * 60 + b"1" + b"}" * 60, "nested more than"),
        (b'{"author": "ana", "author": "eve"}', "key 'author' is given twice"),
        (b'{"author": "\\ud800"}', "half of a surrogate pair"),
        (b'{"n": NaN}', "NaN is no JSON number"),
        (b'{"n": 99999999999999999999}', "more than 64 bits"),
        (b'["author"]', "a JSON list; expected an object"),
    ],
)
async def test_what_is_no_object_of_one_meaning_is_refused_by_name(body: bytes, said: str) -> None:
    with pytest.raises(BadBody, match=said):
        await json_object(request_of(body), 65_536)


def test_a_key_that_nobody_reads_is_refused_beside_those_that_are_read() -> None:
    demand_keys({"author": "ana"}, {"author", "reason"})
    with pytest.raises(BadBody, match="unknown key 'resaon'; accepted keys: author, reason"):
        demand_keys({"author": "ana", "resaon": "a sale"}, {"author", "reason"})
