"""Every lexical evaluator over twelve scripts: what it says of a text must not depend on the script."""

from __future__ import annotations

import unicodedata

import pytest

from harness.samples.builders import completed
from harness.samples.scripts import SAMPLES, Sample
from weir.assets.evaluator import FormatParameters, LengthParameters, PiiParameters
from weir.assets.shapes import shaped
from weir.evaluator.core.evaluators.format import format_checks
from weir.evaluator.core.evaluators.length import length
from weir.evaluator.core.evaluators.pii import pii
from weir.evaluator.core.evaluators.support_coverage import coverage
from weir.evaluator.core.verdict import Verdict

EACH_SCRIPT = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.script)


@EACH_SCRIPT
def test_length_counts_the_words_a_reader_counts(sample: Sample) -> None:
    exact = length(shaped(LengthParameters, {"words_min": sample.count, "words_max": sample.count}))
    fewer = length(shaped(LengthParameters, {"words_min": 0, "words_max": sample.count - 1}))

    for text in (sample.text, unicodedata.normalize("NFD", sample.text)):
        assert exact(completed(output_text=text)) == Verdict(
            1.0, "", f"{sample.count} words, expected {sample.count} to {sample.count}"
        )
        verdict = fewer(completed(output_text=text))
        assert verdict is not None
        assert verdict.label == "too_long"


@EACH_SCRIPT
def test_format_counts_the_sentences_a_reader_counts(sample: Sample) -> None:
    answer = completed(output_text=sample.text)
    exact = format_checks(shaped(FormatParameters, {"sentences_max": sample.sentences}))(answer)
    fewer = format_checks(shaped(FormatParameters, {"sentences_max": sample.sentences - 1}))(answer)

    assert exact is not None
    assert exact.score == 1.0
    assert fewer is not None
    assert (fewer.score, fewer.label) == (0.0, "sentences_max")


@EACH_SCRIPT
def test_an_answer_in_the_words_of_its_context_is_supported(sample: Sample) -> None:
    other = next(one for one in SAMPLES if one.script != sample.script)
    own = coverage(sample.text, [unicodedata.normalize("NFD", sample.text)])
    foreign = coverage(sample.text, [other.text])

    assert own is not None
    assert (own.score, own.label) == (1.0, "")
    assert foreign is not None
    assert (foreign.score, foreign.label) == (0.0, "unsupported")


@EACH_SCRIPT
def test_no_script_looks_like_personal_data(sample: Sample) -> None:
    verdict = pii(shaped(PiiParameters, {}))(completed(output_text=sample.text))

    assert verdict is not None
    assert verdict.score == 1.0


def test_numbers_agree_across_digits_of_other_scripts() -> None:
    agreeing = coverage("الفرق ٣ أمتار", ["الفرق 3 أمتار"])
    differing = coverage("الفرق ٤ أمتار", ["الفرق 3 أمتار"])

    assert agreeing is not None
    assert agreeing.label == ""
    assert differing is not None
    assert differing.label == "number_mismatch"


def test_a_long_chinese_answer_is_too_long() -> None:
    answer = completed(output_text="这是一个很长的回答，用来说明问题。" * 180)
    by_words = length(shaped(LengthParameters, {"words_max": 400}))(answer)
    by_sentences = format_checks(shaped(FormatParameters, {"sentences_max": 12}))(answer)

    assert by_words is not None
    assert by_words.label == "too_long"
    assert by_sentences is not None
    assert by_sentences.label == "sentences_max"


def test_characters_are_counted_as_they_are_seen() -> None:
    bound = format_checks(shaped(FormatParameters, {"chars_max": 3}))

    for text in ("👨‍👩‍👧🇩🇪é", "abc"):
        verdict = bound(completed(output_text=text))
        assert verdict is not None
        assert verdict.score == 1.0


def test_texts_are_found_in_both_spellings_of_an_accent() -> None:
    checks = format_checks(
        shaped(
            FormatParameters, {"starts_with": ["Ça"], "ends_with": ["déjà"], "contains": ["été"], "excludes": ["où"]}
        )
    )
    both = [unicodedata.normalize(form, "Ça été déjà") for form in ("NFC", "NFD")]

    assert [checks(completed(output_text=text)) for text in both] == [Verdict(1.0, "", "4 of 4 checks passed")] * 2
