"""The other evaluators: relevance, length, format, feedback."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.builders import REQUEST_ID, completed, envelope, feature_item, text_features
from weir.assets.evaluator import Evaluator, FormatParameters, LengthParameters
from weir.assets.shapes import InvalidAsset, parse, shaped
from weir.evaluator.core.evaluators.answer_relevance import relevance
from weir.evaluator.core.evaluators.feedback import judge
from weir.evaluator.core.evaluators.format import format_checks
from weir.evaluator.core.evaluators.length import length, within
from weir.evaluator.core.verdict import Verdict
from weir.events import FeatureItem, FeedbackReceived

FLOATS = st.floats(-1.0, 1.0, width=32)
VECTORS = st.lists(FLOATS, min_size=3, max_size=3).filter(lambda values: math.hypot(*values) > 1e-3)

SPEC = {"routes": ["*"], "sample_rate": 1.0, "salt": "s"}


def item(prompt: list[float], answer: list[float]) -> FeatureItem:
    return feature_item(prompt=text_features(embedding=tuple(prompt)), answer=text_features(embedding=tuple(answer)))


@given(VECTORS, VECTORS, st.floats(0.1, 10.0))
def test_relevance_is_symmetric_and_blind_to_length(one: list[float], other: list[float], factor: float) -> None:
    verdict, swapped = relevance(item(one, other)), relevance(item(other, one))
    scaled = relevance(item([factor * x for x in one], other))

    assert verdict is not None
    assert swapped is not None
    assert scaled is not None
    assert verdict.score == pytest.approx(swapped.score, abs=1e-9)
    assert verdict.score == pytest.approx(scaled.score, abs=1e-6)


@given(VECTORS)
def test_an_answer_in_the_direction_of_the_prompt_is_fully_relevant(vector: list[float]) -> None:
    verdict = relevance(item(vector, vector))

    assert verdict is not None
    assert verdict.score == pytest.approx(1.0)


@pytest.mark.parametrize(
    "silent",
    [
        item([], []),
        item([1.0, 0.0], [1.0]),
        item([0.0, 0.0], [1.0, 0.0]),
        feature_item(outcome="failed"),
    ],
)
def test_relevance_needs_two_embeddings_of_an_answered_call(silent: FeatureItem) -> None:
    assert relevance(silent) is None


@given(st.integers(0, 1_000), st.integers(0, 100), st.integers(0, 400))
def test_length_is_one_inside_and_falls_with_the_distance_outside(words: int, least: int, room: int) -> None:
    most = least + room
    verdict = within(words, least, most)

    assert (verdict.score == 1.0) == (least <= words <= most)
    assert (verdict.label == "") == (least <= words <= most)
    assert within(words + 1, least, most).score <= verdict.score or words < least


def test_an_answer_twice_too_long_scores_half() -> None:
    score = length(shaped(LengthParameters, {"words_max": 5}))

    assert score(completed(output_text="one two three four five six seven eight nine ten")) == Verdict(
        0.5, "too_long", "10 words, expected 1 to 5"
    )
    assert score(completed(outcome="cancelled")) is None


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"words_min": 9, "words_max": 2}, "words_min is 9 and words_max 2"),
        ({"words_max": -1}, "words_max is -1"),
        ({"words_max": True}, "words_max is True"),
    ],
)
def test_impossible_lengths_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidAsset, match=message):
        parse(Evaluator, {**SPEC, "type": "length", "parameters": parameters})


@pytest.mark.parametrize(
    ("parameters", "good", "bad"),
    [
        ({"json": True}, '{"a": 1}', "{a: 1}"),
        ({"json_keys": ["a"]}, '{"a": null}', '["a"]'),
        ({"sentences_max": 1}, "One.", "One. Two."),
        ({"lines_max": 1}, "one", "one\ntwo"),
        ({"chars_max": 3}, "one", "four"),
        ({"starts_with": ["Yes", "No"]}, " No, never.", "Never."),
        ({"ends_with": ["."]}, "Done. ", "Done"),
        ({"contains": ["a", "b"]}, "ab", "a"),
        ({"excludes": ["As an AI"]}, "I can.", "As an AI I cannot."),
    ],
)
def test_each_format_check_passes_what_it_should_and_nothing_else(
    parameters: dict[str, object], good: str, bad: str
) -> None:
    score = format_checks(shaped(FormatParameters, parameters))
    [name] = parameters

    assert score(completed(output_text=good)) == Verdict(1.0, "", "1 of 1 checks passed")
    assert score(completed(output_text=bad)) == Verdict(0.0, name, "0 of 1 checks passed")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_whatever_json_writes_is_json(value: Any) -> None:
    verdict = format_checks(shaped(FormatParameters, {"json": True}))(completed(output_text=json.dumps(value)))

    assert verdict is not None
    assert verdict.score == 1.0


def test_a_deeply_nested_answer_is_no_json_and_no_crash() -> None:
    verdict = format_checks(shaped(FormatParameters, {"json": True}))(completed(output_text="[" * 100_000))

    assert verdict is not None
    assert verdict.label == "json"


def test_the_score_is_the_share_of_checks_passed() -> None:
    verdict = format_checks(shaped(FormatParameters, {"chars_max": 3, "lines_max": 1}))(completed(output_text="four"))

    assert verdict == Verdict(0.5, "chars_max", "1 of 2 checks passed")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "no check"),
        ({"json": "yes"}, "json is 'yes'"),
        ({"contains": "a"}, "contains is 'a'"),
        ({"contains": [""]}, r"contains\[0\] has 0 characters"),
    ],
)
def test_formats_that_check_nothing_or_nonsense_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidAsset, match=message):
        parse(Evaluator, {**SPEC, "type": "format", "parameters": parameters})


@given(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_feedback_keeps_its_order_and_its_label(one: float, other: float) -> None:
    low, high = sorted((one, other))

    def said(score: float) -> Verdict:
        verdict = judge(
            FeedbackReceived(**envelope("feedback"), request_id=REQUEST_ID, score=score, label="x", comment="secret")
        )
        assert verdict is not None
        return verdict

    assert said(low).score <= said(high).score
    assert said(low).label == "x"
    assert "secret" not in said(low).explanation
    assert (said(-1.0).score, said(0.0).score, said(1.0).score) == (0.0, 0.5, 1.0)


def test_feedback_that_is_no_number_says_nothing() -> None:
    event = FeedbackReceived(**envelope("feedback"), request_id=REQUEST_ID, score=math.nan)

    assert judge(event) is None


def test_a_score_outside_its_range_is_a_bug_that_shows() -> None:
    with pytest.raises(ValueError, match=r"score is 1\.5"):
        Verdict(1.5)
