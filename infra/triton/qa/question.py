"""What a client asks: the question inside a prompt, and its sampling parameters."""

from __future__ import annotations

import json
from dataclasses import dataclass

MARKER = "Question:"
"""A prompt template puts its instructions before the last line that starts with this word."""

QUESTION_CHARS_MAX = 8_192
"""Characters of a question that are read. Chosen: far above MiniLM's 256 word pieces."""

MAX_TOKENS_DEFAULT = 120
"""Words of an answer at most, unless the client says otherwise. Chosen: three sentences fit."""

TOP_K_DEFAULT = 4
"""Passages retrieved, unless the client says otherwise. Chosen."""

TOP_K_MAX = 20
"""Passages retrieved at most. Chosen: the bound of what an event keeps."""


class BadRequest(ValueError):
    """The client's input cannot be used; the text says which value and what was expected."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sampling parameters that an extractive chain has a use for."""

    max_tokens: int = MAX_TOKENS_DEFAULT
    top_k: int = TOP_K_DEFAULT


def question_in(prompt: str) -> str:
    """The question of a prompt: what follows the last line that starts with `Question:`, else all of it.

    Raises BadRequest for an empty one.
    """
    lines = prompt.splitlines()
    starts = [number for number, line in enumerate(lines) if line.lstrip().startswith(MARKER)]
    text = "\n".join(lines[starts[-1] :]).lstrip()[len(MARKER) :] if starts else prompt
    question = " ".join(text.split())[:QUESTION_CHARS_MAX]
    if not question:
        raise BadRequest("text_input holds no question; send a non-empty text, optionally after a line 'Question:'")
    return question


def parameters_in(text: str) -> Parameters:
    """Parameters from the JSON of `sampling_parameters`; unknown ones are ignored, as other backends know more.

    Raises BadRequest for malformed JSON and for values out of range.
    """
    try:
        given = json.loads(text) if text.strip() else {}
    except ValueError as error:
        raise BadRequest(
            f'sampling_parameters is no JSON: {error}; send an object such as {{"max_tokens": 100}}'
        ) from error
    if not isinstance(given, dict):
        raise BadRequest(f"sampling_parameters is a {type(given).__name__}; expected a JSON object")
    return Parameters(
        max_tokens=_whole(given, "max_tokens", MAX_TOKENS_DEFAULT, 1, 4_096),
        top_k=min(_whole(given, "top_k", TOP_K_DEFAULT, -1, 1_000_000) or TOP_K_DEFAULT, TOP_K_MAX),
    )


def _whole(given: dict[str, object], name: str, otherwise: int, low: int, high: int) -> int:
    value = given.get(name)
    if value is None:
        return otherwise
    number = int(value) if isinstance(value, int | str) and str(value).lstrip("-").isdigit() else None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise BadRequest(f"sampling parameter {name} is {value!r}; expected a whole number from {low} to {high}")
    return number if number >= 1 else otherwise
