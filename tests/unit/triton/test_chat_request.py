"""A request of `chat` read from its tensors, as Triton's vLLM backend takes them."""

from __future__ import annotations

import pytest
from bad_request import BadRequest
from chat.request import asked_in
from chat.sampling import Sampling


def test_only_the_text_is_needed_and_stands_before_a_whole_answer() -> None:
    asked = asked_in(b"Hello", None, {})

    assert (asked.text, asked.sampling, asked.facts) == ("Hello", Sampling(), frozenset())
    assert (asked.is_stream, asked.prepends_text) == (False, True)


@pytest.mark.parametrize(
    ("stream", "excludes", "prepends"),
    [(False, True, False), (False, False, True), (True, None, False), (True, True, False)],
)
def test_where_the_text_stands_before_the_answer(stream: bool, excludes: bool | None, prepends: bool) -> None:
    assert asked_in(b"x", b"", {"stream": stream, "exclude_input_in_output": excludes}).prepends_text is prepends


def test_a_stream_that_should_repeat_its_input_is_refused() -> None:
    with pytest.raises(BadRequest, match="exclude_input_in_output is false and stream is true"):
        asked_in(b"x", None, {"stream": True, "exclude_input_in_output": False})


def test_facts_are_those_that_were_asked_for() -> None:
    flags = {
        "return_finish_reason": True,
        "return_num_input_tokens": False,
        "return_num_output_tokens": None,
        "stream": True,
    }

    assert asked_in(b"x", None, flags).facts == {"finish_reason"}


@pytest.mark.parametrize("fact", ["logprobs", "cumulative_logprob"])
def test_logprobs_that_are_asked_for_are_computed(fact: str) -> None:
    assert asked_in(b"x", None, {f"return_{fact}": True}).sampling.logprobs == 0
    assert asked_in(b"x", b'{"logprobs": 4}', {f"return_{fact}": True}).sampling.logprobs == 4


def test_what_a_caller_leaves_out_is_as_the_model_says() -> None:
    assert asked_in(b"x", b'{"seed": 3}', {}, Sampling(temperature=0.0)).sampling == Sampling(temperature=0.0, seed=3)


@pytest.mark.parametrize(
    ("text", "parameters", "told"),
    [
        (None, None, "text_input is missing"),
        (b"\xff", None, "text_input is not UTF-8: invalid start byte at byte 0"),
        (b"x", b"\xc3", "sampling_parameters is not UTF-8"),
        (b"x", b'{"best_of": 2}', "sampling parameter 'best_of' is unknown"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_by_name(
    text: bytes | None, parameters: bytes | None, told: str
) -> None:
    with pytest.raises(BadRequest, match=told):
        asked_in(text, parameters, {})
