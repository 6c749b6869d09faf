"""K3: a JSON body is counted before it is read, and what a request may hold is always read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.gateway.core import body_values
from weir.gateway.core.body_values import demand_few_values
from weir.gateway.core.errors import Refusal
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
