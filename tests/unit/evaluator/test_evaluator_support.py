"""Support coverage: laws for any texts, then the cases that its rules were made for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import completed
from weir.assets.evaluator import SupportParameters
from weir.assets.shapes import InvalidAsset, shaped
from weir.evaluator.core.evaluators.support_coverage import coverage, support_coverage

TEXTS = st.text(max_size=300)
WORDS = st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]), min_size=1, max_size=8)
CONTEXT = (
    "The for statement iterates over the elements of a sequence. "
    "It does not evaluate the list again. At most 3 names may be bound."
)


@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_a_score_is_a_share_and_the_same_every_time(answer: str, contexts: list[str]) -> None:
    verdict = coverage(answer, contexts)

    assert verdict == coverage(answer, contexts)
    assert verdict is None or 0.0 <= verdict.score <= 1.0


@given(WORDS, TEXTS)
def test_an_answer_quoted_from_its_context_is_covered(words: list[str], around: str) -> None:
    answer = " ".join(words)
    verdict = coverage(answer, [f"{around}\n\n{answer}\n\n{around}"])

    assert verdict is not None
    assert verdict.score == pytest.approx(1.0)


@given(WORDS)
def test_an_answer_without_a_word_in_common_scores_nothing(words: list[str]) -> None:
    verdict = coverage(" ".join(words), ["entirely different wording"])

    assert verdict is not None
    assert verdict.score == 0.0
    assert "unsupported" in verdict.label


@given(WORDS, TEXTS, TEXTS)
def test_the_order_of_contexts_does_not_matter_to_coverage(words: list[str], one: str, other: str) -> None:
    answer = " ".join(words)
    left, right = coverage(answer, [one, other]), coverage(answer, [other, one])

    assert (left is None) == (right is None)
    assert left is None or right is None or left.explanation == right.explanation


@pytest.mark.capability("O11")
def test_a_paraphrase_ranks_above_a_contradiction_and_that_above_nonsense() -> None:
    answers = [
        "The for statement iterates over the elements of a sequence.",
        "A for statement goes over elements of a sequence.",
        "The for statement does not iterate over the elements of a sequence.",
        "Bananas are yellow and grow in hot countries.",
    ]
    scores = [verdict.score for answer in answers if (verdict := coverage(answer, [CONTEXT]))]

    assert scores == sorted(scores, reverse=True)
    assert scores[1] > 0.7 > 0.5 > scores[2] > scores[3]


@pytest.mark.parametrize(
    ("answer", "label"),
    [
        ("At most 5 names may be bound.", "number_mismatch"),
        ("It does evaluate the list again.", "negation_mismatch"),
        ("At most 3 names may be bound.", ""),
        ("It doesn't evaluate the list again.", ""),
    ],
)
def test_flipped_numbers_and_negations_are_labelled(answer: str, label: str) -> None:
    verdict = coverage(answer, [CONTEXT])

    assert verdict is not None
    assert verdict.label == label


def test_a_contradiction_in_the_contexts_own_words_passes_as_documented() -> None:
    verdict = coverage("The sequence iterates over the elements of a for statement.", [CONTEXT])

    assert verdict is not None
    assert verdict.score > 0.9


def test_a_sentence_wrapped_over_lines_is_one_sentence() -> None:
    verdict = coverage("It does not evaluate the list again.", ["It does not\nevaluate the list\nagain."])

    assert verdict is not None
    assert (verdict.score, verdict.label) == (1.0, "")


def test_only_answered_calls_with_contexts_are_scored() -> None:
    score = support_coverage(shaped(SupportParameters, {}))

    assert score(completed()) is not None
    assert score(completed(outcome="failed")) is None
    assert score(completed(contexts=())) is None
    assert score(completed(output_text="...")) is None


def test_a_penalty_outside_its_range_is_refused() -> None:
    with pytest.raises(InvalidAsset, match="mismatch_penalty is 2"):
        support_coverage(shaped(SupportParameters, {"mismatch_penalty": 2}))
