"""What llama.cpp tells while it writes, as pieces: nothing lost, nothing told twice, unknown is not a number."""

from __future__ import annotations

import math
from typing import Any

import pytest
from chat.answer import (
    EngineRefused,
    Kept,
    Piece,
    cumulative_logprob,
    demand_json,
    logprobs_of,
    read_chunk,
    whole,
)
from hypothesis import given
from hypothesis import strategies as st

PROMPT_TOKENS = 27


def entry(token: int, logprob: float = -0.5) -> dict[str, Any]:
    top = [{"id": token, "token": f"t{token}", "logprob": logprob}, {"id": 900, "token": "other", "logprob": -3.0}]
    return {"id": token, "token": f"t{token}", "logprob": logprob, "top_logprobs": top}


def chunk(text: str, written: int, *entries: dict[str, Any]) -> dict[str, Any]:
    """A chunk as xllamacpp gives it: `written` tokens so far."""
    told = {"content": list(entries)} if entries else None
    choice = {"text": text, "index": 0, "logprobs": told, "finish_reason": None}
    return {"choices": [choice], "timings": {"predicted_n": written, "prompt_n": PROMPT_TOKENS, "cache_n": 0}}


def end(reason: str, written: int) -> dict[str, Any]:
    usage = {"completion_tokens": written, "prompt_tokens": PROMPT_TOKENS}
    choice = {"text": "", "index": 0, "logprobs": None, "finish_reason": reason}
    return {"choices": [choice], "usage": usage, "timings": {}}


def read(*chunks: dict[str, Any]) -> list[Piece]:
    kept, pieces = Kept(), []
    for one in chunks:
        kept, piece = read_chunk(kept, one)
        if piece is not None:
            pieces.append(piece)
    return pieces


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(1, 3))), st.sampled_from(["stop", "length"]))
def test_the_pieces_add_up_to_the_answer(told: list[tuple[str, int]], reason: str) -> None:
    written, chunks = 0, []
    for number, (text, tokens) in enumerate(told):
        written += tokens
        chunks.append(chunk(text, written, entry(number)))
    pieces = read(*chunks, end(reason, written + 1))

    answer = whole(pieces)

    assert answer.text == "".join(text for text, _ in told)
    assert (answer.tokens, answer.finish_reason, answer.prompt_tokens) == (written + 1, reason, PROMPT_TOKENS)
    assert [one["id"] for one in answer.logprobs] == list(range(len(told)))
    assert all(piece.text for piece in pieces[:-1])
    assert [piece.finish_reason for piece in pieces[:-1]] == [None] * (len(pieces) - 1)
    assert {piece.prompt_tokens for piece in pieces} == {PROMPT_TOKENS}


def test_what_is_held_back_is_told_with_the_piece_that_follows() -> None:
    first, last = read(chunk("", 1, entry(1)), chunk("ab", 2, entry(2)), end("stop", 3))

    assert (first.text, first.tokens, [one["id"] for one in first.logprobs]) == ("ab", 2, [1, 2])
    assert (last.text, last.tokens) == ("", 1)


def test_logprobs_are_told_by_token_with_rank_and_only_as_many_as_were_asked_for() -> None:
    [piece] = read(chunk("a", 1, entry(5)))

    assert logprobs_of(piece, 0) == [{"5": {"logprob": -0.5, "rank": 1, "decoded_token": "t5"}}]
    assert list(logprobs_of(piece, 2)[0]) == ["5", "900"]


def test_the_token_of_the_answer_comes_first_also_where_another_was_likelier() -> None:
    second = {"id": 900, "token": "other", "logprob": -3.0}
    [piece] = read(chunk("a", 1, {**second, "top_logprobs": entry(5)["top_logprobs"]}))

    assert list(logprobs_of(piece, 2)[0]) == ["900", "5"]


def test_the_rank_of_a_token_outside_of_the_likeliest_is_unknown() -> None:
    drawn = {**entry(5), "id": 7, "token": "t7", "logprob": -9.0}
    [piece] = read(chunk("a", 1, drawn))

    assert logprobs_of(piece, 0) == [{"7": {"logprob": -9.0, "rank": None, "decoded_token": "t7"}}]


def test_the_sum_of_logprobs_is_no_number_where_one_is_unknown() -> None:
    assert cumulative_logprob(read(chunk("a", 1, entry(1, -0.5)), chunk("b", 2, entry(2, -0.25)))) == -0.75
    assert math.isnan(cumulative_logprob(read(chunk("a", 1, entry(1)), chunk("👍", 4, entry(2)))))


def test_a_prompt_that_does_not_fit_is_the_callers_error_with_both_counts() -> None:
    error = {
        "type": "exceed_context_size_error",
        "n_prompt_tokens": 3031,
        "n_ctx": 2048,
        "message": "try increasing it",
    }

    with pytest.raises(
        EngineRefused, match="text_input has 3031 tokens .* 2048 together; send a shorter text"
    ) as refused:
        read({"error": error})
    assert refused.value.is_callers


@pytest.mark.parametrize(("kind", "is_callers"), [("invalid_request_error", True), ("server_error", False)])
def test_another_error_is_passed_on_cut(kind: str, is_callers: bool) -> None:
    with pytest.raises(EngineRefused, match="the model did not answer: why") as refused:
        read({"error": {"type": kind, "message": "why" + "x" * 1_000}})
    assert refused.value.is_callers is is_callers
    assert len(str(refused.value)) < 400


def test_an_answer_that_kept_no_schema_is_the_models_error() -> None:
    demand_json('{"a": 1}')
    with pytest.raises(EngineRefused, match="did not keep the schema") as refused:
        demand_json("A person is a being.")
    assert not refused.value.is_callers
