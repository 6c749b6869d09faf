"""Parsers of the drift benchmark: prose comes out, markup and code do not, and passages have the length of a message."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from bench.text_drift.changes import concatenated, templated, truncated
from bench.text_drift.corpus import DOCUMENT_TEXTS_MAX, runs, shuffled
from bench.text_drift.dictd_text import dictd_entries, entry_paragraphs, number_of
from bench.text_drift.fortune_text import fortunes_of
from bench.text_drift.html_text import html_paragraphs
from bench.text_drift.passages import WORDS_MAX, WORDS_MIN, Passage, distinct, passages_of
from bench.text_drift.pod_text import pod_paragraphs
from bench.text_drift.roff_text import roff_paragraphs, unescape
from bench.text_drift.wordnet import BOTANY, field_passages, synonyms_of, with_synonyms

SENTENCE = "The quick brown fox jumps over the very lazy dog."
ENTRY = """begin
    v 1: take the first step or steps in carrying out an action; "We
         began working at dawn" [syn: {get down}, {begin}, {start},
         {commence}] [ant: {end}]
    2: have a beginning
"""


@given(st.lists(st.text(alphabet="ab cd.;\n", max_size=900), max_size=4))
def test_passages_have_the_length_of_a_message(paragraphs: list[str]) -> None:
    for passage in passages_of("document", paragraphs):
        assert WORDS_MIN <= len(passage.text.split()) <= WORDS_MAX
        assert passage.text == " ".join(passage.text.split())


def test_no_word_of_a_long_paragraph_is_lost_or_doubled() -> None:
    words = [f"word{chr(97 + i % 26)}" for i in range(200)]
    paragraph = " ".join(f"{' '.join(words[i : i + 10])}." for i in range(0, 200, 10))
    assert " ".join(passage.text for passage in passages_of("d", [paragraph])) == paragraph


def test_tables_and_code_are_no_passages() -> None:
    assert list(passages_of("d", ["0x00 0x01 0x02 0x03 0x04 0x05 0x06 0x07 0x08 0x09 | 12 13 14"])) == []


def test_a_text_counts_once() -> None:
    assert distinct([Passage("a", SENTENCE), Passage("b", SENTENCE)]) == [Passage("a", SENTENCE)]


def test_html_paragraphs_stand_outside_of_tables_and_code() -> None:
    page = (
        "<nav><p>menu</p></nav><p>One &amp; <b>two</b><pre>code</pre></p><table><tr><td><p>cell</p></td></tr></table>"
        '<div class="para">Three<a class="headerlink">¶</a></div><p>Four<p>Five'
    )
    assert [text for text in html_paragraphs(page) if text] == ["One & two", "Three", "Four", "Five"]


def test_roff_paragraphs_join_fonts_and_skip_displays() -> None:
    page = (
        ".TH X 2\n.SH NAME\naccept \\- wait\n.PP\nThe\n.BR accept ()\ncall \\fIuses\\fP a\n"
        '.BR "big socket" (2),\n.nf\nint x;\n.fi\nand\n.B two words\n.\\" hidden\n'
    )
    assert [" ".join(text.split()) for text in roff_paragraphs(page)] == [
        "accept - wait",
        "The accept() call uses a big socket(2), and two words",
    ]


def test_roff_escapes_print_characters() -> None:
    assert unescape(r"\fBa\fP\-b \(lqq\(rq \*(R \s-1X\s0 c\&d \e") == 'a-b "q" X cd \\'


def test_roff_pages_of_other_macros_are_left_out() -> None:
    assert roff_paragraphs(".Dd May\n.Sh NAME\ntext\n") == []


def test_roff_quote_that_never_closes_is_text() -> None:
    assert roff_paragraphs('.B say "hello there\n') == ["say hello there"]


def test_pod_paragraphs_are_prose_with_codes_resolved() -> None:
    page = (
        "package X;\n\n=head1 NAME\n\nUse C<< $a->b >> or L<the manual|perlop>, E<lt>I<not B<here>>.\n\n  code\n\n"
        "=begin html\n\nhidden\n\n=end html\n\nSeen.\n\n=cut\n\nmy $x;"
    )
    assert pod_paragraphs(page) == ["Use $a->b or the manual, <not here.", "Seen."]


def test_fortunes_lose_their_source_and_overstrikes() -> None:
    assert fortunes_of("One\ntwo\n\t\t-- A. Author\n%\nThree\b\n%\n") == ["One two", "Three"]


def test_dictionary_numbers_have_base_64() -> None:
    assert [number_of(digits) for digits in ("A", "B", "/", "BA")] == [0, 1, 63, 64]


def test_dictionary_entries_come_once_in_the_order_of_the_text() -> None:
    content = b"infoone\n  first\ntwo\n  second\n"
    index = "00-info\tA\tE\ntwo\tQ\tN\none\tE\tM\nuno\tE\tM\n"
    assert list(dictd_entries(index, content)) == [("one", "one\n  first\n"), ("two", "two\n  second\n")]


def test_dictionary_paragraphs_have_no_braces_dates_or_labels() -> None:
    text = "nil\n\n   <programming> An empty {list}.\n\n   More.\n\n   (1994-11-08)\n"
    assert [" ".join(part.split()) for part in entry_paragraphs(text)] == ["An empty list.", "More.", ""]


def test_synonyms_are_single_words_of_the_first_sense_that_has_any() -> None:
    assert synonyms_of([("Begin", ENTRY)]) == {"begin": ("start", "commence")}


@given(st.text(max_size=200))
def test_only_words_with_synonyms_change(text: str) -> None:
    synonyms = {"begin": ("start",), "quick": ("fast", "rapid")}
    changed = with_synonyms(text, synonyms)
    assert re.sub(r"[A-Za-z]+", "", changed) == re.sub(r"[A-Za-z]+", "", text)
    assert with_synonyms(text, {}) == text


def test_substitution_repeats_itself_and_keeps_capitals() -> None:
    text = "Begin " * 200
    changed = with_synonyms(text, {"begin": ("start", "commence")})
    assert changed == with_synonyms(text, {"begin": ("start", "commence")})
    assert set(changed.split()) == {"Begin", "Start", "Commence"}


def test_a_field_needs_two_of_its_words() -> None:
    plant = "fern\n    n 1: a plant with green leaves that has no seeds and grows in damp woods [syn: {fern}]\n"
    factory = "works\n    n 1: buildings where a plant is kept for carrying on some industrial labour\n"
    found = field_passages([("fern", plant), ("works", factory)], BOTANY)
    assert [passage.text for passage in found] == [
        "fern: a plant with green leaves that has no seeds and grows in damp woods"
    ]


def test_changes_of_form() -> None:
    passages = [Passage(str(i), f"{SENTENCE} {i}") for i in range(7)]
    assert next(templated(passages, "Do: ")).text == f"Do: {SENTENCE} 0"
    assert next(truncated(passages)).text == "The quick brown fox jumps over the very"
    assert [len(item.text.split()) for item in concatenated(passages, 3)] == [33, 33]


def test_runs_take_long_documents_in_part_and_short_ones_not() -> None:
    passages = [Passage(name, f"{name} {i}") for name, size in (("a", 3), ("b", 60), ("c", 12)) for i in range(size)]
    taken = runs(passages)
    assert [sum(item.document == name for item in taken) for name in "abc"] == [0, DOCUMENT_TEXTS_MAX, 12]


def test_an_order_depends_on_texts_and_salt_alone() -> None:
    passages = [Passage("d", str(i)) for i in range(50)]
    assert shuffled(passages, "x") == shuffled(passages[::-1], "x") != shuffled(passages, "y")
