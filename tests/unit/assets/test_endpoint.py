"""A model's endpoint: one way to write a base URL, no bound of an answer under another name, no key of Triton beside it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.assets.endpoint import BOUNDS, is_base_url
from weir.assets.model import Model
from weir.assets.shapes import InvalidAsset, parse, record

WHERE = {"base_url": "http://127.0.0.1:8000/v1", "model": "Qwen/Qwen3-8B"}
CARD = {"description": "x", "kind": "x", "license": "x"}


def spec(endpoint: dict[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    return {"task": "chat", "card": CARD, "endpoint": {**WHERE, **(endpoint or {})}, **keys}


def test_a_model_with_an_endpoint_needs_nothing_of_triton() -> None:
    model = parse(Model, spec({"extra_fields": ["top_k"], "lacks": ["logprobs"]}))

    assert model.server_names == ()
    assert parse(Model, record(model)) == model


def test_what_is_left_out_is_recorded_as_null_so_that_a_digest_of_before_stays() -> None:
    model = {"task": "chat", "unary_model": "m", "input": "text_input", "card": CARD}

    assert record(parse(Model, model)) == record(parse(Model, {**model, "stream_model": None}))
    assert record(parse(Model, model))["stream_model"] is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (spec(unary_model="m"), "spec.unary_model belongs to a model of the model server"),
        (spec(stream_model="m"), "spec.stream_model belongs to"),
        (spec(input="text"), "spec.input belongs to"),
        (spec({"key": "sk-1"}), "unknown key 'key'"),
        (spec({"api_key_file": "/etc/passwd"}), "unknown key 'api_key_file'"),
        (spec({"model": ""}), "expected a text of 1 to 256 characters"),
        (spec({"model": "x" * 257}), "expected a text of 1 to 256 characters"),
        (spec({"model": "a\x00"}), "zero character"),
        (spec({"extra_fields": []}), "has 0 items"),
        (spec({"extra_fields": ["top k"]}), "expected the name of a field"),
        (spec({"extra_fields": [1]}), "expected the name of a field"),
        (spec({"extra_fields": ["top_k"], "lacks": ["top_k"]}), "names 'top_k', and extra_fields does"),
        *((spec({"extra_fields": [name]}), "another name for max_tokens") for name in BOUNDS),
        ({"task": "chat", "card": CARD}, "or endpoint an OpenAI server"),
        ({"task": "chat", "card": CARD, "unary_model": "m"}, "lacks the key 'input'"),
    ],
)
def test_a_wrong_definition_is_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidAsset) as refused:
        parse(Model, wrong)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000/v1", "https://api.example.com/v1", "http://[::1]:8000", "http://vllm:8000/a/b", "http://h"],
)
def test_a_base_url_is_taken(url: str) -> None:
    assert is_base_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "/v1", "ftp://h/v1", "http:///v1", "http://h/v1/", "http://u:p@h/v1", "http://h/v1?a=b", "http://h/v1#x",
        "http://h:99999/v1", "http://h:x/v1", "HTTP://h/v1", "http://H/v1", "http://h /v1", "http://h/v 1", "http://hé/v1",
        "http://h/v1\n", "http://h:080/v1", "http://[::1/v1", "http://h\\@evil/v1", "http://h:/v1",
    ],
)  # fmt: skip
def test_a_base_url_in_another_form_is_not(url: str) -> None:
    assert not is_base_url(url)


@given(st.text(st.sampled_from("htps:/@[]?#.1ab %\\\n\u2028"), max_size=20))
def test_any_text_is_a_base_url_or_not(text: str) -> None:
    assert is_base_url(text) in (True, False)
