"""OpenAI bodies: what is understood, and a refusal that names the field for the rest."""

from __future__ import annotations

from typing import Any

import pytest

from weir.gateway.core.errors import Refusal
from weir.gateway.core.openai_request import read_chat, read_embeddings

ASKED = {"model": "docs-qa", "messages": [{"role": "user", "content": "hello"}]}


def test_the_question_is_the_last_user_message_and_the_rest_is_history() -> None:
    messages = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": [{"type": "text", "text": "three"}]},
    ]

    read = read_chat({**ASKED, "messages": messages, "temperature": 0.5, "user": "u"})

    assert (read.question, read.history) == ("three", "user: one\nassistant: two")
    assert read.sampling == {"temperature": 0.5}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"tools": []}, "tools"),
        ({"n": 2}, "n is '2'"),
        ({"model": ""}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "robot", "content": "x"}]}, r"messages\[0\]"),
        ({"messages": [{"role": "system", "content": "x"}]}, "no user message"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, r"messages\[0\]"),
        ({"stream": "yes"}, "stream"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
    ],
)
def test_what_cannot_be_used_is_named(change: dict[str, Any], word: str) -> None:
    with pytest.raises(Refusal, match=word):
        read_chat({**ASKED, **change})


def test_a_body_nested_without_end_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]

    with pytest.raises(Refusal, match="nested"):
        read_chat({**ASKED, "metadata": {"a": deep}})


@pytest.mark.parametrize("given", [[], [1, 2], "", ["a", ""], [["a"]]])
def test_input_to_embed_must_be_text(given: object) -> None:
    with pytest.raises(Refusal, match="input"):
        read_embeddings({"model": "minilm", "input": given}, 10)


def test_too_many_texts_are_counted() -> None:
    with pytest.raises(Refusal, match="holds 11 texts; at most 10"):
        read_embeddings({"model": "minilm", "input": ["a"] * 11}, 10)
