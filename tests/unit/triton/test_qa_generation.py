"""What the generating chain asks the model: the passage, the question, sampling within what it can use."""

from __future__ import annotations

import json

import pytest
from bad_request import BadRequest
from chat.sampling import READERS, Sampling, sampling_in
from corpus.passages import Passage
from qa.answer import SCORE_MIN, is_covered
from qa.generation import DEFAULTS, NOT_RETURNED, parameters_for, prompt_of
from qa.ranking import Retrieved

SOURCE = Retrieved(Passage("topics/for#0", "for: The for statement iterates."), 0.7)


def test_the_model_is_given_one_passage_and_then_the_question() -> None:
    assert prompt_of("What does for do?", SOURCE) == (
        "for: The for statement iterates.\n\nUsing the text above, answer in one sentence: What does for do?"
    )


def test_what_a_client_leaves_out_is_as_the_chain_says_and_chat_takes_it() -> None:
    assert json.loads(parameters_for("")) == DEFAULTS
    assert json.loads(parameters_for('{"max_tokens": 5, "seed": null}')) == {**DEFAULTS, "max_tokens": 5}
    taken = sampling_in(parameters_for('{"seed": 7, "stop": "x"}'), Sampling())
    assert (taken.temperature, taken.repetition_penalty, taken.max_tokens) == (0, 1.05, 110)
    assert (taken.seed, taken.stop) == (7, ("x",))


@pytest.mark.parametrize("name", NOT_RETURNED)
def test_a_parameter_without_use_here_is_refused_by_name(name: str) -> None:
    values = {"logprobs": 1, "ignore_eos": True, "structured_outputs": {"json": {"type": "null"}}}

    assert name in READERS
    with pytest.raises(BadRequest, match=f"sampling parameter {name} has no use in this chain"):
        parameters_for(json.dumps({name: values[name]}))


@pytest.mark.parametrize(("text", "told"), [('{"best_of": 2}', "'best_of' is unknown"), ('{"top_p": 7}', "top_p is 7")])
def test_what_chat_would_refuse_is_refused_before_anything_is_looked_up(text: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        parameters_for(text)


def test_a_question_is_covered_where_one_passage_is_close_enough() -> None:
    assert not is_covered([])
    assert not is_covered([Retrieved(SOURCE.passage, SCORE_MIN - 0.01)])
    assert is_covered([Retrieved(SOURCE.passage, 0.0), Retrieved(SOURCE.passage, SCORE_MIN)])
