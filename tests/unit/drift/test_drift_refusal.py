"""Answers that decline are flagged; answers that mention a refusal late or not at all are not."""

from __future__ import annotations

import pytest

from bench.observed_text import words_of
from weir.detectors.refusal import OPENING_WORDS, PHRASES, is_refusal


@pytest.mark.parametrize("phrase", PHRASES)
def test_every_phrase_is_found_as_the_tokeniser_cuts_it(phrase: str) -> None:
    assert is_refusal(words_of(f"Well, {phrase} do that."))


@pytest.mark.parametrize(
    ("answer", "declines"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("As an AI, I do not hold opinions.", True),
        ("Use open() and iterate over the file.", False),
        ("The call raises an error if you can't open the file.", False),
        ("", False),
    ],
)
def test_whole_answers(answer: str, declines: bool) -> None:
    assert is_refusal(words_of(answer)) is declines


def test_only_the_opening_counts() -> None:
    assert not is_refusal(("word",) * OPENING_WORDS + ("i", "cannot"))
