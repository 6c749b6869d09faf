"""K13: a body that cannot be read is refused by the field that it cannot be read for; a field is never guessed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http.gateway_http import HttpDoor
from weir.access.refusals import NAME_CHARS_MAX, Refusal
from weir.gateway.core.body_path import path_at, repeated_in
from weir.gateway.core.body_values import json_value

HERE = 47291
"""A leaf that no generated value has."""

UNREADABLE = [
    "1e999",
    "-1e999",
    "9" * 5_000,
    '"\\ud800"',
    '"a\\": \\\\ \\udfff b"',
    '"\\ud800\\ud800"',
    "NaN",
    "01",
    '"\0"',
]
KEYS = st.text(st.sampled_from('ab",[{}]\\: \n\u00e9\U0001f600'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | KEYS | st.just(HERE),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)
BODIES = st.dictionaries(KEYS, VALUES, min_size=1, max_size=4)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """The path of each leaf that is HERE, in the order of the text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from paths(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, f"{path}[{index}]")
    elif value == HERE:
        yield path[1:]


def refused(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as raised:
        json_value(body)
    return raised.value


@given(body=BODIES, unreadable=st.sampled_from(UNREADABLE), is_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_the_first_value_that_cannot_be_read_is_named(body: Any, unreadable: str, is_ascii: bool, indent: Any) -> None:
    text = json.dumps(body, ensure_ascii=is_ascii, indent=indent)
    expected = next(paths(body), None)

    if expected is not None:
        assert refused(text.replace(str(HERE), unreadable).encode()).field == expected


@given(body=BODIES, key=KEYS)
def test_the_key_that_comes_twice_is_named_with_its_path(body: Any, key: str) -> None:
    text, twice = json.dumps(body), json.dumps(key)
    place = next(paths(body), None)
    if place is None:
        assert repeated_in(text) is None
        return
    filled = text.replace(str(HERE), f"{{{twice}: 1, {twice}: 2}}", 1).replace(str(HERE), "0")
    assert refused(filled.encode()).field == f"{place}.{key}"


@pytest.mark.parametrize(
    "bytes_", [b"\xed\xa0\x80", b"\xff", b"\xc3"], ids=["half of a surrogate pair", "no start", "half a character"]
)
def test_a_text_that_is_no_utf8_is_named_with_its_place(bytes_: bytes) -> None:
    refusal = refused(b'{"model": "\xc3\xa9",\n "messages": [{"content": "\xc3\xa9' + bytes_ + b'"}]}')

    assert refusal.field == "messages[0].content"
    assert refusal.message.endswith("is no UTF-8 at line 2, column 29")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"1e999", b"[1e999]", b'"\\ud800"', b'{"\\ud800": 1}', b'{"a": 1 "b": 2}', b'{"a": 1 x}', b'{"a": 1,}',
        b'{"a": "x', b'{"a":', b'{"a": 1', b'{"a" 1}', b'{"a" "b": \xff}', b'"""""\xff', b'{"a": 1}, \xff',
    ],
)  # fmt: skip
def test_no_field_is_named_where_none_is_known(body: bytes) -> None:
    assert refused(body).field == ""


def test_a_key_that_cannot_be_read_is_named_by_the_object_that_has_it() -> None:
    assert refused(b'{"messages": [{"role": "user", "\\ud800": 1}]}').field == "messages[0]"


def test_of_a_path_too_long_for_a_name_the_outermost_field_is_named() -> None:
    assert refused(b'{"messages": ' + b'{"a":' * 400 + b"1e999" + b"}" * 401).field == "messages"
    assert len(refused(b'{"' + b"x" * 9_000 + b'": 1e999}').field) < NAME_CHARS_MAX


@given(text=st.text(st.sampled_from('{}[]:,"\\ 1ax')), position=st.integers(0, 30))
def test_any_text_has_a_path(text: str, position: int) -> None:
    try:
        json.loads(text[:position] + "1")
    except ValueError:
        return
    assert isinstance(path_at(text, position), str)


CHAT = b'{"model": "echo", "messages": [{"role": "user", "content": %b}], "seed": %b%b}'


@pytest.mark.capability("U2")
@pytest.mark.parametrize(
    ("content", "seed", "more", "param"),
    [
        (b'"x"', b"1e999", b"", "seed"),
        (b'"x"', b"9" * 5_000, b"", "seed"),
        (b'"x \\ud800"', b"1", b"", "messages[0].content"),
        (b'[{"type": "text", "text": "\\udfff"}]', b"1", b"", "messages[0].content[0].text"),
        (b'"x"', b"1", b', "model": "qa"', "model"),
        (b'"x", "role": "system"', b"1", b"", "messages[0].role"),
        (b'"x"', b"1", b', "metadata": {"a": "1", "a": "2"}', "metadata.a"),
        (b'"x"', b"1", b",", None),
    ],
)
async def test_a_client_is_shown_the_field(
    door: HttpDoor, content: bytes, seed: bytes, more: bytes, param: str | None
) -> None:
    headers = [(b"authorization", door.authorization()), (b"content-type", b"application/json")]
    answer = await door.client.post("/v1/chat/completions", content=CHAT % (content, seed, more), headers=headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
