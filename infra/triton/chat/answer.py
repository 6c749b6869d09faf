"""What llama.cpp tells while it writes, one chunk a token, as pieces of an answer.

llama.cpp keeps back what may be the beginning of a stop text or of a character: such a chunk is empty, or does not come. Its
tokens and logprobs come with the piece that follows, so that the counts of the pieces add up to those of the answer.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

CONTEXT_EXCEEDED = "exceed_context_size_error"
"""llama.cpp's name of a prompt that does not fit."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer that can be sent."""

    text: str
    tokens: int
    """Tokens since the piece before it."""
    prompt_tokens: int
    """Tokens of the whole prompt, its template included."""
    logprobs: tuple[Mapping[str, Any], ...]
    """llama.cpp's entries for these tokens; empty where none were asked for, fewer than tokens where it knows no more."""
    finish_reason: str | None = None
    """`stop` or `length` in the last piece, else None."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What came and is not sent yet. tokens_sent: tokens of all pieces so far."""

    tokens_sent: int = 0
    logprobs: tuple[Mapping[str, Any], ...] = ()


class EngineRefused(Exception):
    """llama.cpp refused the request; `is_callers` says whether the request is at fault."""

    def __init__(self, text: str, *, is_callers: bool) -> None:
        super().__init__(text)
        self.is_callers = is_callers


def read_chunk(kept: Kept, chunk: Mapping[str, Any]) -> tuple[Kept, Piece | None]:
    """The piece that a chunk makes, if any, and what is kept for the next. Raises EngineRefused for a chunk that is an error."""
    if "error" in chunk:
        raise _refusal(chunk["error"])
    [choice] = chunk["choices"]
    logprobs = (*kept.logprobs, *((choice.get("logprobs") or {}).get("content") or ()))
    text, reason, usage = choice.get("text") or "", choice.get("finish_reason"), chunk.get("usage") or {}
    if not text and reason is None:
        return Kept(kept.tokens_sent, logprobs), None
    timings = chunk["timings"]
    total = usage["completion_tokens"] if reason else timings["predicted_n"]
    prompt_tokens = usage["prompt_tokens"] if reason else timings["prompt_n"] + timings["cache_n"]
    return Kept(total), Piece(text, total - kept.tokens_sent, prompt_tokens, logprobs, reason)


def demand_json(text: str) -> None:
    """Raises EngineRefused for an answer that should keep a schema and is no JSON: llama.cpp does not say that it kept none."""
    try:
        json.loads(text)
    except ValueError as error:
        raise EngineRefused("the model did not keep the schema of structured_outputs", is_callers=False) from error


def whole(pieces: list[Piece]) -> Piece:
    """All pieces as one: the answer of a request that wants no stream."""
    last = pieces[-1]
    return Piece(
        "".join(piece.text for piece in pieces),
        sum(piece.tokens for piece in pieces),
        last.prompt_tokens,
        tuple(entry for piece in pieces for entry in piece.logprobs),
        last.finish_reason,
    )


def cumulative_logprob(pieces: list[Piece]) -> float:
    """Sum of the logprobs of the pieces' tokens; NaN where one is unknown: llama.cpp tells none of a token inside a character."""
    entries = [entry for piece in pieces for entry in piece.logprobs]
    if len(entries) != sum(piece.tokens for piece in pieces):
        return math.nan
    return math.fsum(float(entry["logprob"]) for entry in entries)


def logprobs_of(piece: Piece, alternatives: int) -> list[dict[str, dict[str, Any]]]:
    """For each token its own logprob and those of the likeliest `alternatives`, by token number, in the form of the vLLM backend.

    The token of the answer comes first, as vLLM has it. rank: 1 is the likeliest; None where the token is not among those listed.
    """
    return [_by_token(entry, alternatives) for entry in piece.logprobs]


def _by_token(entry: Mapping[str, Any], alternatives: int) -> dict[str, dict[str, Any]]:
    ranked = list(entry.get("top_logprobs") or ())
    ranks = {str(one["id"]): rank for rank, one in enumerate(ranked, start=1)}
    shown = [entry, *ranked[:alternatives]]
    return {
        str(one["id"]): {"logprob": one["logprob"], "rank": ranks.get(str(one["id"])), "decoded_token": one["token"]}
        for one in shown
    }


def _refusal(error: Mapping[str, Any]) -> EngineRefused:
    if error.get("type") == CONTEXT_EXCEEDED:
        read, room = error.get("n_prompt_tokens"), error.get("n_ctx")
        text = f"text_input has {read} tokens in its template; the model reads and writes {room} together"
        return EngineRefused(f"{text}; send a shorter text", is_callers=True)
    is_callers = error.get("type") == "invalid_request_error"
    return EngineRefused(f"the model did not answer: {error.get('message', error)!s:.300}", is_callers=is_callers)
