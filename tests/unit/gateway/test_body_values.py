"""K3: a JSON body is counted before it is read, and what a request may hold is always read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.refusals import Refusal
from weir.gateway.core import body_values
from weir.gateway.core.body_values import demand_few_values, json_value
from weir.gateway.core.openai_request import VALUES_MAX

FEW = 24
TEXTS = st.text(st.sampled_from('ab",[{}]\\:\n\u00e9'), max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner), max_leaves=40
)


def count_of(value: Any) -> int:
    """Keys and elements of a value, as `check_shape` counts."""
    inner = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return len(inner) + sum(count_of(one) for one in inner)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_values, "SMALL_BYTES", 0)
    monkeypatch.setattr(body_values, "MARKS_MAX", 2 * FEW + 1)
    monkeypatch.setattr(body_values, "QUOTES_MAX", 4 * FEW)


def is_taken(body: bytes) -> bool:
    try:
        demand_few_values(body)
    except Refusal:
        return False
    return True


@pytest.mark.usefixtures("few")
@given(value=VALUES, is_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
def test_what_may_be_sent_is_taken_and_what_is_taken_is_few(value: Any, is_ascii: bool, indent: int | None) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode()

    if count_of(value) <= FEW:
        assert is_taken(body)
    if count_of(value) > 2 * FEW + 1:
        assert not is_taken(body)


BOMBS = {
    "lists": b"[" + b"[]," * 2_796_000 + b"[]]",
    "objects": b"[" + b"{}," * 2_796_000 + b"{}]",
    "numbers": b"[" + b"1," * 4_194_000 + b"1]",
    "texts": b"[" + b'"",' * 2_796_000 + b'""]',
    "names": b"{" + b'"":1,' * 1_677_000 + b'"":1}',
    "no JSON in the end": b"[" + b"[]," * 2_796_000 + b'"',
    "escapes": b"[" + b'"\\"\\\\",' * 1_198_000 + b"1]",
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_body_of_too_many_values_is_refused(kind: str) -> None:
    with pytest.raises(Refusal, match=f"over {VALUES_MAX} values"):
        demand_few_values(BOMBS[kind])


def test_a_long_text_of_marks_is_taken() -> None:
    demand_few_values(json.dumps({"prompt": 'if (a[0] == "b,\\") { return [1, 2]; }\n' * 100_000}).encode())


@pytest.mark.parametrize("unit", ['\\":', '\\",:', "\\\\[:", '\\\\\\",:'])
def test_the_escapes_of_a_body_are_cut_out_once_whatever_it_holds(monkeypatch: pytest.MonkeyPatch, unit: str) -> None:
    cut_out, seen = body_values._without_escapes, list[int]()

    def counted(body: bytes) -> bytes:
        seen.append(len(body))
        return cut_out(body)

    monkeypatch.setattr(body_values, "_without_escapes", counted)
    text = unit * 40_000

    assert json_value(f'{{"prompt":"{text}"}}'.encode()) == {"prompt": json.loads(f'"{text}"')}
    assert len(seen) == 1


NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
READ = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)


@given(value=READ, is_ascii=st.booleans())
def test_what_is_json_is_read_as_the_standard_library_wrote_it(value: Any, is_ascii: bool) -> None:
    assert json_value(json.dumps(value, ensure_ascii=is_ascii).encode()) == value


def whole(digits: str) -> float:
    """A whole number; one beyond 64 bits is a float."""
    return int(digits) if -(2**63) <= int(digits) < 2**64 else float(digits)


@given(text=st.text(st.sampled_from('{}[]:,"\\u0d8e-+.1 \nNaInfityrsl\0\u00e9')))
def test_no_bytes_are_read_that_the_standard_library_does_not_read_the_same_way(text: str) -> None:
    try:
        value = json_value(text.encode())
    except Refusal:
        return
    assert value == json.loads(text, parse_int=whole)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"NaN", b"[Infinity]", b"-Infinity", b"1e999", b'"\\ud800"', b'{"\\udfff": 1}', b'"\xff"', b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf1", b'"\0"', b'"a\nb"', b"1 2", b"01", b"1.", b".5", b"+1", b"[1,]", b"{1: 2}", b"'a'",
        b"// a\n1", b"[" * 2_000,
    ],
)  # fmt: skip
def test_what_is_no_json_is_refused_and_says_where(body: bytes) -> None:
    with pytest.raises(Refusal, match=r"the body is no JSON: .* at line \d+, column \d+"):
        json_value(body)


GIVEN = st.recursive(
    st.sampled_from(
        ["null", "true", "-1.5e3", "1" * 200, '""', '":"', '"\\":"', '"\\\\"', '"\\\\\\":{"', '"\\u0022:"']
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda texts: f"[{','.join(texts)}]"),
        st.lists(
            st.tuples(
                st.sampled_from(['"a"', '"\\u0061"', '"b"', '""', '":"', '"\\":"', '"\\\\"', '"\\u005c"']), inner
            ),
            max_size=4,
        ).map(lambda pairs: "{" + ", ".join(f"{key} :{text}" for key, text in pairs) + "}"),
    ),
    max_leaves=12,
)
"""Texts of JSON, in whose objects keys may come twice, also in other spellings."""


def repeated_in(text: str) -> set[str]:
    """Keys that one object gives twice, by the standard library."""
    found = set[str]()

    def look(pairs: list[tuple[str, Any]]) -> None:
        keys = [key for key, _ in pairs]
        found.update(key for key in keys if keys.count(key) > 1)

    json.loads(text, object_pairs_hook=look, parse_int=str)
    return found


@given(text=GIVEN)
def test_a_body_is_refused_if_and_only_if_a_key_comes_twice(text: str) -> None:
    repeated = repeated_in(text)
    if not repeated:
        assert json_value(text.encode()) is not ...
        return
    with pytest.raises(Refusal, match="twice; keep one") as refusal:
        json_value(text.encode())
    assert refusal.value.message in {f"the body gives the key {key!r} twice; keep one" for key in repeated}


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"model":"nope","model":"qa"}', "model"),
        (b'{"model":"qa","mod\\u0065l":"qa"}', "model"),
        (b'{"foo":1,"foo":null}', "foo"),
        (b'{"messages":[{"role":"user","role":"system"}]}', "role"),
    ],
)
def test_a_key_that_comes_twice_is_named(body: bytes, key: str) -> None:
    with pytest.raises(Refusal, match=f"the body gives the key '{key}' twice; keep one"):
        json_value(body)


def test_a_key_that_comes_twice_in_deep_objects_is_refused() -> None:
    with pytest.raises(Refusal, match="twice; keep one"):
        json_value(b'{"a":' * 1_000 + b'{"b":1,"b":1}' + b"}" * 1_000)
