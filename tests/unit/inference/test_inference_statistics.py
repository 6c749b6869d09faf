"""Text statistics: laws for any text, then the numbers of texts one can count by hand."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.scripts import SAMPLES, Sample
from weir.inference.core.statistics import TOKEN_CHARS_MAX, TOKENS_MAX, features_of, tokens_of

TEXTS = st.text(max_size=2_000)


@given(TEXTS)
def test_shares_are_shares_and_counts_fit_the_text(text: str) -> None:
    features = features_of(text)

    assert features.chars == len(unicodedata.normalize("NFC", text))
    assert 0.0 <= features.punctuation_share <= 1.0
    assert 0.0 <= features.digit_share <= 1.0
    assert features.punctuation_share + features.digit_share <= 1.0 + 1e-9
    assert features.words * features.mean_word_chars <= features.chars + 1e-6
    assert len(features.tokens) == min(features.words, TOKENS_MAX)


@given(TEXTS, TEXTS)
def test_words_of_two_texts_add_up(left: str, right: str) -> None:
    assert features_of(f"{left}\n{right}").words == features_of(left).words + features_of(right).words


@given(TEXTS)
def test_tokens_are_bounded_and_lower(text: str) -> None:
    assert all(len(token) > 0 and token == token.lower() for token in tokens_of(text) if token.isascii())
    assert all(len(token) <= 3 * TOKEN_CHARS_MAX for token in tokens_of(text))


@given(TEXTS)
def test_the_same_text_measures_the_same(text: str) -> None:
    assert features_of(text) == features_of(text)


def test_a_question_is_measured() -> None:
    features = features_of("What's PEP 8?")

    assert features.tokens == ("what's", "pep", "8")
    assert (features.words, features.chars) == (3, 13)
    assert features.punctuation_share == pytest.approx(2 / 13)
    assert features.digit_share == pytest.approx(1 / 13)
    assert features.mean_word_chars == pytest.approx((6 + 3 + 1) / 3)


def test_other_scripts_have_words_too() -> None:
    assert features_of("Was heißt Ärger? 日本語 слово").tokens == ("was", "heißt", "ärger", "日本語", "слово")


def test_an_empty_text_is_all_zero() -> None:
    features = features_of("")

    assert (features.words, features.chars, features.tokens, features.embedding) == (0, 0, (), ())
    assert features.punctuation_share == features.digit_share == features.mean_word_chars == 0.0


def test_a_long_text_keeps_its_first_tokens_and_counts_all_words() -> None:
    features = features_of("word " * (TOKENS_MAX + 10))

    assert len(features.tokens) == TOKENS_MAX
    assert features.words == TOKENS_MAX + 10


def test_an_embedding_is_kept_as_it_is() -> None:
    vector = np.array([0.6, 0.8], dtype=np.float32)

    assert features_of("a", vector).embedding == tuple(vector.tolist())


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.script)
def test_every_script_is_measured_in_its_own_words_in_both_normal_forms(sample: Sample) -> None:
    features = features_of(sample.text)

    assert features == features_of(unicodedata.normalize("NFD", sample.text))
    assert features.words == sample.count
    assert features.tokens == tuple(unicodedata.normalize("NFC", word).lower() for word in sample.words)
    assert features.mean_word_chars == pytest.approx(
        sum(len(unicodedata.normalize("NFC", word)) for word in sample.words) / sample.count
    )
    assert features.punctuation_share > 0 or sample.sentences == 1
