"""Scores of reference texts leave out the whole text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.detectors import word_counts
from weir.detectors.word_counts import count_words

_TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=8), min_size=2, max_size=8)


@given(_TEXTS)
def test_leaving_a_text_out_equals_counting_without_it(texts: list[list[str]]) -> None:
    whole = count_words(texts)
    for i, text in enumerate(texts):
        without = count_words(texts[:i] + texts[i + 1 :])
        np.testing.assert_array_equal(whole.seen_elsewhere(whole.ids(text)), without.seen(without.ids(text)))
        bits = whole.surprisal_bits_elsewhere(whole.ids(text))
        assert bits == pytest.approx(without.surprisal_bits(text))


@given(_TEXTS)
def test_counts_do_not_depend_on_the_order_of_texts(texts: list[list[str]]) -> None:
    one, other = count_words(texts), count_words(texts[::-1])
    assert (one.words, one.total) == (other.words, other.total)
    np.testing.assert_array_equal(one.counts, other.counts)


def test_an_oversized_vocabulary_drops_the_rarest_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_counts, "MAX_VOCABULARY", 2)
    counts = count_words([["a", "a", "b", "b", "c"], ["a", "b", "d"]])
    assert (counts.words, counts.min_count, counts.total) == (("a", "b"), 2, 8)
    # Alone in one other text is below the least count, so it is as unknown as it would be later.
    np.testing.assert_array_equal(counts.seen_elsewhere(counts.ids(["a", "a", "b", "b", "c"])), 0)


def test_an_empty_vocabulary_knows_nothing() -> None:
    counts = count_words([[], []])
    np.testing.assert_array_equal(counts.seen(counts.ids(["a"])), [0])


def test_a_rare_word_is_more_surprising_than_a_common_one() -> None:
    counts = count_words([["a"] * 9, ["b"]])
    common, rare, unknown = (counts.surprisal_bits([word]) for word in "abz")
    assert common < rare < unknown
