"""Laws of the extractive chain: deterministic corpus, answers word for word from it, streams that join to the answer."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from corpus.passages import WORDS_MAX, WORDS_MIN, Passage, chunks, digest_of, passages  # type: ignore[import-not-found]  # beside the models
from hypothesis import given
from hypothesis import strategies as st
from qa.answer import NOT_COVERED, Retrieved, answer_from, rarity, tokens_of  # type: ignore[import-not-found]  # beside the models
from qa.question import BadRequest, parameters_in, question_in  # type: ignore[import-not-found]  # beside the models

TRITON = Path(__file__).resolve().parents[3] / "infra" / "triton"
FOR = Passage("topics/for#0", "The for statement iterates over a sequence. It is old. A break statement ends the loop.")
WHILE = Passage("topics/while#0", "The while statement repeats while its condition is true.")


@pytest.mark.capability("D7")
def test_the_corpus_has_the_same_digest_in_every_process() -> None:
    script = "from corpus.passages import passages, digest_of; print(digest_of(passages()))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", script], cwd=TRITON, env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip

    [digest] = outputs
    assert digest.startswith("sha256:")


@pytest.mark.capability("D7")
def test_any_changed_passage_changes_the_digest() -> None:
    assert digest_of([FOR, WHILE]) != digest_of([FOR, Passage(WHILE.id, WHILE.text + " ")])


def test_passages_are_distinct_of_answerable_size_and_free_of_machine_text() -> None:
    found = passages()

    assert len({passage.id for passage in found}) == len(found) > 2_500
    assert max(len(passage.text.split()) for passage in found) <= WORDS_MAX + 1
    assert not [passage.id for passage in found if "/root/" in passage.text or " at 0x" in passage.text]


@given(st.text(alphabet="ab .\n", max_size=2_000))
def test_chunks_keep_their_size(text: str) -> None:
    assert all(WORDS_MIN <= len(piece.split()) <= WORDS_MAX for piece in chunks(text))


def test_an_answer_is_made_of_the_corpus_sentences() -> None:
    answer = answer_from(
        "What does the for statement do?", [Retrieved(FOR, 0.7), Retrieved(WHILE, 0.5)], rarity([FOR, WHILE]), 100
    )

    assert "The for statement iterates over a sequence." in answer.text
    assert answer.finish_reason == "stop"


def test_a_sentence_is_said_once() -> None:
    answer = answer_from(
        "for statement", [Retrieved(FOR, 0.7), Retrieved(Passage("x#0", FOR.text), 0.7)], rarity([FOR, WHILE]), 100
    )

    assert answer.text.count("The for statement iterates") == 1


def test_a_distant_question_is_not_covered() -> None:
    assert answer_from("pasta?", [Retrieved(FOR, 0.1)], rarity([FOR]), 100).text == NOT_COVERED


def test_a_long_answer_is_cut_and_says_so() -> None:
    answer = answer_from("for statement", [Retrieved(FOR, 0.7)], rarity([FOR, WHILE]), 3)

    assert (answer.words, answer.finish_reason) == (3, "length")


@given(st.text(max_size=300))
def test_the_pieces_of_a_stream_join_to_the_text(text: str) -> None:
    assert "".join(tokens_of(text)) == text


@given(
    instructions=st.text(alphabet="abc \n", max_size=50), question=st.text(alphabet="abc ?", min_size=1, max_size=50)
)
def test_the_question_is_what_follows_the_last_marker(instructions: str, question: str) -> None:
    if question.strip():
        assert question_in(f"{instructions}\nQuestion: {question}") == " ".join(question.split())


@pytest.mark.parametrize("prompt", ["", "   ", "Question:", "Be brief.\nQuestion:  "])
def test_an_empty_question_is_refused(prompt: str) -> None:
    with pytest.raises(BadRequest, match="no question"):
        question_in(prompt)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"max_tokens": 0}', '{"max_tokens": "many"}', '{"max_tokens": true}', '{"top_k": -7}']
)
def test_bad_parameters_are_refused_by_name(text: str) -> None:
    with pytest.raises(BadRequest, match="sampling.parameter"):
        parameters_in(text)


def test_parameters_of_other_backends_are_accepted() -> None:
    parameters = parameters_in('{"temperature": 0.7, "max_tokens": 5, "top_k": -1}')

    assert parameters.max_tokens == 5
