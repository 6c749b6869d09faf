"""The extractive chain's pure parts: the question, its parameters, the ranking, the answer and its pieces."""

from __future__ import annotations

import json

import pytest
from bad_request import BadRequest
from corpus.passages import Passage
from corpus.sentences import sentences_of
from hypothesis import given
from hypothesis import strategies as st
from qa.answer import NOT_COVERED, SCORE_MIN, SENTENCES_MAX, answer_from
from qa.pieces import pieces_of
from qa.question import (
    MAX_TOKENS_DEFAULT,
    TOP_K_DEFAULT,
    TOP_K_MAX,
    Parameters,
    parameters_in,
    prepends_prompt,
    question_in,
)
from qa.ranking import Retrieved, ranked_passages, share_of
from qa.words import rarity, stem, stems_of

CORPUS = (
    Passage("random.shuffle#0", "random.shuffle: Shuffle list x in place, and return None."),
    Passage("json.dumps#0", "json.dumps: Serialize an object to a JSON string. If skipkeys is true, keys are skipped."),
    Passage("json.dumps#1", "json.dumps: If indent is a positive integer, members are printed with that indent level."),
    Passage("topics/for#0", "The for statement iterates over the elements of a sequence. It has an else clause."),
    Passage("topics/grammar#0", 'for_stmt ::= "for" target_list "in" starred_list ":" suite of sequence elements'),
)
IDF = rarity(passage.text for passage in CORPUS)
BY_ID = {passage.id: passage for passage in CORPUS}


def near(**scores: float) -> list[Retrieved]:
    return [Retrieved(CORPUS[int(name.removeprefix("p"))], score) for name, score in scores.items()]


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(pieces_of(text)) == text
    assert all(pieces_of(text)) or not text


def test_pieces_are_words_with_the_space_before_them() -> None:
    assert pieces_of("An answer,  in words.\n") == ["An", " answer,", "  in", " words.\n"]


def test_the_question_follows_the_last_marker() -> None:
    prompt = "You are helpful.\nQuestion: an example?\nAnswer it.\n  Question: What is  a list?\nBe short."

    assert question_in(prompt) == "What is a list? Be short."
    assert question_in("What is a Question: mark?") == "What is a Question: mark?"
    assert question_in("  plain\n text ") == "plain text"


@pytest.mark.parametrize("prompt", ["", " \n\t", "Instructions\nQuestion:", "Question:   \n "])
def test_an_empty_question_is_refused(prompt: str) -> None:
    with pytest.raises(BadRequest, match="holds no question"):
        question_in(prompt)


def test_parameters_are_read() -> None:
    assert parameters_in("") == Parameters(MAX_TOKENS_DEFAULT, TOP_K_DEFAULT)
    assert parameters_in('{"max_tokens": 5, "top_k": 2, "seed": 1, "temperature": 0.1}') == Parameters(5, 2)
    assert parameters_in('{"max_tokens": "7", "top_k": -1}') == Parameters(7, TOP_K_DEFAULT)
    assert parameters_in('{"max_tokens": null}') == Parameters()
    assert parameters_in('{"top_k": 50}').top_k == TOP_K_MAX


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON"),
        ("[1]", "is a list"),
        ('{"max_tokens": 0}', r"max_tokens is 0; expected a whole number from 1 to 4096"),
        ('{"max_tokens": true}', "max_tokens is True"),
        ('{"max_tokens": 1.5}', r"max_tokens is 1\.5"),
        ('{"max_tokens": "many"}', "max_tokens is 'many'"),
        ('{"max_tokens": 5000}', "max_tokens is 5000"),
        ('{"max_tokens": ' + "9" * 60 + "}", "max_tokens is 999"),
        ('{"max_tokens": "' + "x" * 4_000 + '"}', "max_tokens is 'xxx"),
        ('{"max_tokens": ' + "9" * 5_000 + "}", "no JSON"),
        ('{"top_k": -7}', "top_k is -7"),
        ('{"seed": "x"}', "seed is 'x'"),
        (json.dumps({"seed": 2**64}), "seed is"),
    ],
)
def test_bad_parameters_are_refused(text: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told) as refused:
        parameters_in(text)
    assert len(str(refused.value)) < 250


def test_the_prompt_is_repeated_only_on_demand() -> None:
    assert not prepends_prompt(stream=False, exclude_input_in_output=None)
    assert not prepends_prompt(stream=True, exclude_input_in_output=None)
    assert not prepends_prompt(stream=True, exclude_input_in_output=True)
    assert prepends_prompt(stream=False, exclude_input_in_output=False)


def test_a_stream_cannot_repeat_the_prompt() -> None:
    with pytest.raises(BadRequest, match="exclude_input_in_output is false and stream is true"):
        prepends_prompt(stream=True, exclude_input_in_output=False)


@pytest.mark.parametrize(
    ("left", "right"),
    [("dictionary", "dictionaries"), ("open", "opened"), ("decorator", "decorators"), ("running", "run")],
)
def test_forms_of_a_word_meet(left: str, right: str) -> None:
    assert stem(left) == stem(right)


def test_names_with_underscores_stay_whole() -> None:
    assert stems_of("How does set_names work?") == ["set_names"]


def test_a_word_of_every_text_weighs_nothing() -> None:
    weights = rarity(["alpha beta", "alpha gamma"])

    assert weights[stem("alpha")] == 0.0
    assert weights[stem("beta")] > 0.0
    assert share_of([stem("beta"), "unknown"], [stem("beta")], weights) == 1.0
    assert share_of(["unknown"], [], weights) == 0.0


def test_a_named_object_comes_first_and_keeps_its_cosine() -> None:
    ranked = ranked_passages("What does json.dumps do?", near(p2=0.55, p0=0.5, p1=0.5), IDF)

    assert [(item.passage.id, item.score) for item in ranked[:2]] == [("json.dumps#0", 0.5), ("json.dumps#1", 0.55)]


@given(st.permutations(range(len(CORPUS))))
def test_the_order_of_the_candidates_changes_nothing(order: list[int]) -> None:
    candidates = [Retrieved(CORPUS[number], 0.5) for number in order]
    expected = ranked_passages("iterate over a sequence", [Retrieved(passage, 0.5) for passage in CORPUS], IDF)

    assert ranked_passages("iterate over a sequence", candidates, IDF) == expected


@given(st.text(), st.lists(st.sampled_from(CORPUS), min_size=1, unique=True), st.integers(1, 60))
def test_an_answer_is_sentences_of_its_passages(question: str, chosen: list[Passage], max_words: int) -> None:
    retrieved = [Retrieved(passage, SCORE_MIN + 0.1) for passage in chosen]

    answer = answer_from(question, retrieved, IDF, max_words)

    whole = answer_from(question, retrieved, IDF, 1_000)
    rest = whole.text
    said = [sentence for item in chosen for sentence in sentences_of(item.text) if sentence in whole.text]
    for sentence in said:
        rest = rest.replace(sentence, "", 1)
    assert not rest.strip()
    assert answer == answer_from(question, retrieved, IDF, max_words)
    assert answer.words == len(answer.text.split()) <= max_words
    assert answer.finish_reason == ("stop" if answer.words == whole.words else "length")
    assert whole.text.split()[: answer.words] == answer.text.split()


def test_the_answer_is_the_sentence_that_says_it() -> None:
    answer = answer_from("How do I shuffle a list?", near(p0=0.7, p1=0.3), IDF, 100)

    assert (answer.text, answer.finish_reason) == (BY_ID["random.shuffle#0"].text, "stop")


def test_grammar_is_no_answer() -> None:
    answer = answer_from("iterate over a sequence with for", near(p4=0.7, p3=0.6), IDF, 100)

    assert "::=" not in answer.text
    assert answer.text.startswith("The for statement")


def test_nothing_near_is_said_to_be_not_covered() -> None:
    for retrieved in (near(p0=SCORE_MIN - 0.01), []):
        answer = answer_from("How do I boil an egg?", retrieved, IDF, 100)
        assert (answer.text, answer.finish_reason) == (NOT_COVERED, "stop")


@pytest.mark.slow
def test_siblings_are_not_repeated_and_an_answer_stays_short() -> None:
    same = [Retrieved(Passage(f"a{n}#0", f"Alpha beta gamma delta stays number{n}."), 0.6) for n in range(9)]
    other = [Retrieved(Passage(f"b{n}#0", f"Alpha w{n}a w{n}b w{n}c w{n}d."), 0.6) for n in range(9)]
    idf = rarity(item.passage.text for item in (*same, *other))

    assert len(sentences_of(answer_from("alpha", same, idf, 100).text)) == 1
    assert len(sentences_of(answer_from("alpha", other, idf, 100).text)) <= SENTENCES_MAX
