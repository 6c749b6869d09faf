"""Parts of texts: laws for any text, then twelve scripts cut by hand."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.samples.scripts import SAMPLES, Sample
from weir.text.characters import character_count
from weir.text.sentences import sentences_of
from weir.text.words import with_ascii_digits, words_of

ANY = st.text(st.characters(exclude_categories=()), max_size=300)
"""Any text at all, lone surrogates too."""


@given(ANY)
def test_any_text_is_cut_without_error_and_alike_in_both_normal_forms(text: str) -> None:
    composed, decomposed = unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)

    assert list(words_of(composed)) == list(words_of(decomposed)) == list(words_of(text))
    assert len(sentences_of(composed)) == len(sentences_of(decomposed))
    assert character_count(composed) == character_count(decomposed)


@given(ANY)
def test_words_are_pieces_of_the_text_in_order(text: str) -> None:
    rest = unicodedata.normalize("NFC", text).translate({0x2019: "'", 0xFF07: "'", 0x02BC: "'"})

    for word in words_of(text):
        assert word
        found = rest.find(word)
        assert found >= 0
        rest = rest[found + len(word) :]


@given(st.text(st.characters(max_codepoint=127), max_size=300))
def test_plain_english_is_cut_the_same_way_beside_other_scripts(text: str) -> None:
    assert [*words_of(text), "é"] == list(words_of(f"{text} é"))


@given(ANY)
def test_digits_become_ascii_and_nothing_else_changes(text: str) -> None:
    plain = with_ascii_digits(text)

    assert len(plain) == len(text)
    assert all(a == b or (a.isdecimal() and b in "0123456789") for a, b in zip(text, plain, strict=True))
    assert not any(char.isdecimal() and not char.isascii() for char in plain)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.script)
def test_words_and_sentences_of_a_script(sample: Sample) -> None:
    assert tuple(words_of(sample.text)) == tuple(unicodedata.normalize("NFC", word) for word in sample.words)
    assert len(sentences_of(sample.text)) == sample.sentences


def test_accents_and_apostrophes_have_one_meaning() -> None:
    assert list(words_of("cafe\u0301 de\u0301ja\u0300 vu")) == ["café", "déjà", "vu"]
    assert list(words_of("What\u2019s")) == list(words_of("What's")) == ["What's"]
    assert list(words_of("می\u200cخواهم")) == ["می\u200cخواهم"]


def test_names_and_numbers_are_cut_at_full_stops_as_the_drift_channels_count_them() -> None:
    assert list(words_of("os.path 3.14 a_b")) == ["os", "path", "3", "14", "a_b"]


def test_sentences_of_technical_prose() -> None:
    text = "Version 3.11 is out. math.isclose compares\nwith a tolerance.\n\nNew paragraph without an end"

    assert sentences_of(text) == [
        "Version 3.11 is out.",
        "math.isclose compares with a tolerance.",
        "New paragraph without an end",
    ]


def test_characters_are_what_a_reader_sees() -> None:
    assert character_count("👨‍👩‍👧 é e\u0301 🇩🇪") == 7
    assert character_count("a\r\nb") == 3
    assert with_ascii_digits("٣ १२ ４１") == "3 12 41"
