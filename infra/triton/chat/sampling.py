"""Sampling parameters of a request: each known name has a reader and a use, every other name is refused.

The names are those of Triton's vLLM backend. `body_of` writes them as llama.cpp's server calls them, all of them every
time, so that no default of a library decides.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bad_request import BadRequest

from chat.schema import schema_in

PARAMETERS_BYTES_MAX = 65_536
"""Bytes of `sampling_parameters`: a schema of the largest size and four stop texts stay far below."""

MAX_TOKENS_MAX = 2**31 - 1
"""Largest max_tokens: what a signed 32-bit number holds. The answer ends with the model's context in any case."""

SEED_MAX = 2**63 - 1
"""Largest seed: what an event keeps. llama.cpp takes 32 bits, so `_seed` folds what is larger."""

ENGINE_SEEDS = 2**32 - 1
"""Seeds that llama.cpp takes: all of 32 bits but the last, which means "a random one" there."""

STOPS_MAX, STOP_CHARS_MAX = 16, 256
"""Stop texts of a request, and characters of each. OpenAI takes 4; vLLM has no limit. Each is searched for at each token."""

TOP_K_MAX = 1_000_000
"""Largest top_k. Arbitrary: any value above a vocabulary (49,152 here) would do."""

LOGPROBS_MAX = 20
"""Alternatives listed for each token at most: OpenAI's limit, and vLLM's default limit."""

NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?")
"""A number written as text: stock clients of the vLLM backend send those."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn, and where the answer ends. Defaults: the model's card (temperature 0.2, top_p 0.9)."""

    temperature: float = 0.2
    """0: always the likeliest token."""
    top_p: float = 0.9
    top_k: int = -1
    """-1: no limit."""
    min_p: float = 0.0
    seed: int | None = None
    """None: a seed of llama.cpp's own."""
    max_tokens: int = 128
    """Tokens of the answer at most. Chosen: some five sentences, two seconds on one core."""
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repetition_penalty: float = 1.0
    """Over the last 64 tokens, as the two before; 1: none."""
    logprobs: int | None = None
    """Alternatives listed for each token; None: no logprob is sent."""
    ignore_eos: bool = False
    """Whether the model writes on where it would have ended."""
    structured_outputs: Mapping[str, Any] | None = None
    """JSON schema that the answer keeps."""


def sampling_in(text: str, otherwise: Sampling) -> Sampling:
    """The parameters in the JSON of `sampling_parameters`; one that is not there, or null, is as in `otherwise`.

    Raises BadRequest for malformed JSON, naming an unknown parameter, and naming one out of range.
    """
    given = {name: value for name, value in object_in(text).items() if value is not None}
    for name in given:
        if name not in READERS:
            raise BadRequest(f"sampling parameter {name[:80]!r} is unknown; known: {', '.join(sorted(READERS))}")
    sampling = replace(otherwise, **{name: READERS[name](name, value) for name, value in given.items()})
    if sampling.structured_outputs is not None and (sampling.stop or sampling.ignore_eos):
        raise BadRequest(
            "sampling parameter structured_outputs goes with neither stop nor ignore_eos: the schema says where the answer ends"
        )
    return sampling


def body_of(sampling: Sampling) -> dict[str, Any]:
    """The parameters as llama.cpp's server takes them."""
    body: dict[str, Any] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": max(sampling.top_k, 0),
        "min_p": sampling.min_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop),
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "repeat_penalty": sampling.repetition_penalty,
        "ignore_eos": sampling.ignore_eos,
    }
    if sampling.seed is not None:
        body["seed"] = _seed(sampling.seed)
    if sampling.logprobs is not None:
        body["logprobs"] = max(1, sampling.logprobs)  # 0 would tell nothing, not even of the chosen token
    if sampling.structured_outputs is not None:
        body["json_schema"] = dict(sampling.structured_outputs)
    return body


def _seed(seed: int) -> int:
    """A seed as 32 bits: itself where it fits, else a digest of it, so that no bit of it is dropped."""
    if 0 <= seed < ENGINE_SEEDS:
        return seed
    return int.from_bytes(hashlib.sha256(str(seed).encode()).digest()[:4]) % ENGINE_SEEDS


def object_in(text: str) -> dict[str, Any]:
    """The JSON object in `sampling_parameters`. Raises BadRequest for anything else, and for a name given twice."""
    if len(text.encode()) > PARAMETERS_BYTES_MAX:
        raise BadRequest(f"sampling_parameters has {len(text.encode())} bytes; at most {PARAMETERS_BYTES_MAX}")
    try:
        given = json.loads(text, object_pairs_hook=_once) if text.strip() else {}
    except BadRequest:
        raise
    except (ValueError, RecursionError) as error:
        raise BadRequest(
            f'sampling_parameters is no JSON: {error}; expected an object such as {{"max_tokens": 100}}'
        ) from error
    if not isinstance(given, dict):
        raise BadRequest(
            f'sampling_parameters is a {type(given).__name__}; expected an object such as {{"max_tokens": 100}}'
        )
    return given


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadRequest(f"sampling_parameters gives {name[:80]!r} twice; expected it once")
        found[name] = value
    return found


def _wrong(name: str, value: object, expected: str) -> BadRequest:
    return BadRequest(f"sampling parameter {name} is {value!r:.80}; expected {expected}")


def _number(low: float, high: float) -> Callable[[str, object], float]:
    def read(name: str, value: object) -> float:
        number = float(value) if isinstance(value, str) and NUMBER.fullmatch(value) else value
        if (
            isinstance(number, bool)
            or not isinstance(number, int | float)
            or not low <= number <= high
            or math.isnan(number)
        ):
            raise _wrong(name, value, f"a number from {low:g} to {high:g}")
        return float(number)

    return read


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        number = int(value) if isinstance(value, str) and NUMBER.fullmatch(value) and "." not in value else value
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise _wrong(name, value, f"a whole number from {low} to {high}")
        return number

    return read


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name, value, "true or false")
    return value


def _stops(name: str, value: object) -> tuple[str, ...]:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or len(texts) > STOPS_MAX:
        raise _wrong(name, value, f"a text or a list of at most {STOPS_MAX} texts")
    for text in texts:
        if not isinstance(text, str) or not 0 < len(text) <= STOP_CHARS_MAX:
            raise _wrong(name, text, f"texts of 1 to {STOP_CHARS_MAX} characters")
    return tuple(texts)


READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _whole(-1, TOP_K_MAX),
    "min_p": _number(0, 1),
    "seed": _whole(-SEED_MAX - 1, SEED_MAX),
    "max_tokens": _whole(1, MAX_TOKENS_MAX),
    "stop": _stops,
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "repetition_penalty": _number(0.01, 2),
    "logprobs": _whole(0, LOGPROBS_MAX),
    "ignore_eos": _flag,
    "structured_outputs": schema_in,
}
"""Every parameter that is taken, with its reader. A field of `Sampling` each."""
