"""An observation holds only what is valid and bounded."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.observed_text import observe, words_of
from weir.detectors.observation import MAX_WORD_CHARS, MAX_WORDS, Observation


def _observation(**changes: object) -> Observation:
    values: dict[str, object] = {
        "event_id": "e", "request_id": "r", "session_id": "", "event_time_us": 0, "word_count": 1, "char_count": 1,
        "punctuation_share": 0.0, "digit_share": 0.0, "mean_word_length_chars": 1.0, "words": ("a",),
    }  # fmt: skip
    return Observation(**{**values, **changes})  # type: ignore[arg-type]  # the test passes wrong values on purpose


@given(st.text(max_size=2_000))
def test_every_text_gives_a_valid_bounded_observation(text: str) -> None:
    seen = observe(text, event_id="e")
    assert seen.char_count == len(text)
    assert len(seen.words) <= MAX_WORDS
    assert all(len(word) <= 3 * MAX_WORD_CHARS for word in seen.words)
    assert 0.0 <= seen.punctuation_share <= 1.0


def test_statistics_of_a_sentence() -> None:
    seen = observe("Don't use `eval`, 3 times!", event_id="e")
    assert seen.words == ("don't", "use", "eval", "3", "times")
    assert (seen.word_count, seen.char_count) == (5, 26)
    assert seen.punctuation_share == pytest.approx(5 / 26)
    assert seen.digit_share == pytest.approx(1 / 26)


def test_words_are_bounded_in_number_and_length() -> None:
    assert len(words_of("a " * 1_000)) == MAX_WORDS
    assert words_of("x" * 1_000) == ("x" * MAX_WORD_CHARS,)


def test_an_embedding_is_copied_scaled_to_length_one_and_frozen() -> None:
    given_vector = np.array([3.0, 4.0], dtype=np.float32)
    seen = _observation(embedding=given_vector).embedding
    assert seen is not None
    np.testing.assert_allclose(seen, [0.6, 0.8], rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        seen[0] = 1.0
    assert given_vector[0] == 3.0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"word_count": -1}, "-1 words"),
        ({"char_count": -1}, "-1 characters"),
        ({"punctuation_share": 1.5}, "punctuation_share of event e is 1.5"),
        ({"digit_share": -0.1}, "digit_share of event e is -0.1"),
        ({"words": ("a",) * (MAX_WORDS + 1)}, "at most 256"),
        ({"embedding": np.zeros(3, dtype=np.float32)}, "norm 0.0"),
        ({"embedding": np.array([np.nan, 1.0], dtype=np.float32)}, "norm nan"),
        ({"embedding": np.ones((2, 2), dtype=np.float32)}, "one vector"),
    ],
)
def test_invalid_values_are_refused_by_name(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _observation(**changes)


@pytest.mark.parametrize(("session", "own"), [("", True), ("r", True), ("s", False)])
def test_a_session_that_nobody_can_share_is_known(session: str, own: bool) -> None:
    assert _observation(session_id=session).has_own_session is own
