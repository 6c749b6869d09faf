"""What a client asks: the question inside a prompt, and its sampling parameters.

The parameters have the names that language models use. An extractive chain has a use for two of them; `seed` is checked
and changes nothing, for nothing is drawn; the rest (temperature, stop ...) belongs to other models and is ignored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from bad_request import BadRequest

MARKER = "Question:"
"""A prompt template puts its instructions before the last line that starts with this word."""

QUESTION_CHARS_MAX = 8_192
"""Characters of a question that are read. Chosen: far above MiniLM's 256 word pieces."""

MAX_TOKENS_DEFAULT = 120
"""Words of an answer at most, unless the client says otherwise. Chosen: three sentences fit."""

TOP_K_DEFAULT = 4
"""Passages retrieved, unless the client says otherwise. Chosen."""

TOP_K_MAX = 20
"""Passages retrieved at most; a larger top_k, a sampling parameter of language models, means this. Chosen: what an
event keeps."""

MAX_TOKENS_MAX = 4_096
"""Largest max_tokens that is accepted. Chosen: above any answer of three sentences."""

SEED_MAX = 2**63 - 1
"""Largest seed that is accepted: what 64 bits hold."""

WHOLE = re.compile(r"-?[0-9]{1,19}")
EXAMPLE = '{"max_tokens": 100}'


@dataclass(frozen=True, slots=True)
class Parameters:
    """Sampling parameters that an extractive chain has a use for."""

    max_tokens: int = MAX_TOKENS_DEFAULT
    """Words of the answer at most."""
    top_k: int = TOP_K_DEFAULT
    """Passages the answer is drawn from."""


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
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"sampling_parameters is no JSON: {error}; expected an object such as {EXAMPLE}") from error
    if not isinstance(given, dict):
        raise BadRequest(f"sampling_parameters is a {type(given).__name__}; expected an object such as {EXAMPLE}")
    _whole(given, "seed", 0, -SEED_MAX - 1, SEED_MAX)
    top_k = _whole(given, "top_k", TOP_K_DEFAULT, -1, SEED_MAX)
    return Parameters(
        max_tokens=_whole(given, "max_tokens", MAX_TOKENS_DEFAULT, 1, MAX_TOKENS_MAX),
        top_k=min(top_k, TOP_K_MAX) if top_k >= 1 else TOP_K_DEFAULT,
    )


def prepends_prompt(*, stream: bool, exclude_input_in_output: bool | None) -> bool:
    """Whether the prompt stands before the answer: only where a client sends exclude_input_in_output = false.

    Raises BadRequest for that wish together with streaming, as the vLLM backend does.
    """
    if exclude_input_in_output is not False:
        return False
    if stream:
        raise BadRequest("exclude_input_in_output is false and stream is true; a stream repeats no input, send true")
    return True


def _whole(given: dict[str, object], name: str, otherwise: int, low: int, high: int) -> int:
    """A whole number of the JSON, or of a string in it: clients that keep parameters as text send those."""
    value = given.get(name)
    if value is None:
        return otherwise
    is_number = isinstance(value, int) and not isinstance(value, bool)
    if not is_number and not (isinstance(value, str) and WHOLE.fullmatch(value)):
        raise BadRequest(f"sampling parameter {name} is {value!r:.80}; expected a whole number from {low} to {high}")
    number = int(str(value))
    if not low <= number <= high:
        raise BadRequest(f"sampling parameter {name} is {number}; expected a whole number from {low} to {high}")
    return number
