"""Sampling parameters of `chat`: every known one reaches llama.cpp, every other one is refused by its name."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from bad_request import BadRequest
from chat.sampling import (
    ENGINE_SEEDS,
    MAX_TOKENS_MAX,
    PARAMETERS_BYTES_MAX,
    READERS,
    SEED_MAX,
    Sampling,
    body_of,
    sampling_in,
)
from hypothesis import given
from hypothesis import strategies as st

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
    "additionalProperties": False,
}

VALUES: dict[str, tuple[Any, str, Any]] = {
    "temperature": (0.7, "temperature", 0.7),
    "top_p": (0.5, "top_p", 0.5),
    "top_k": (40, "top_k", 40),
    "min_p": (0.1, "min_p", 0.1),
    "seed": (7, "seed", 7),
    "max_tokens": (5, "max_tokens", 5),
    "stop": ("END", "stop", ["END"]),
    "presence_penalty": (1, "presence_penalty", 1.0),
    "frequency_penalty": (-1.5, "frequency_penalty", -1.5),
    "repetition_penalty": (1.05, "repeat_penalty", 1.05),
    "logprobs": (3, "logprobs", 3),
    "ignore_eos": (True, "ignore_eos", True),
    "structured_outputs": ({"json": PERSON}, "json_schema", {**PERSON, "x-guidance": {"whitespace_flexible": False}}),
}
"""Parameter -> a value, llama.cpp's name of it, what llama.cpp is told."""


def read(**given: Any) -> Sampling:
    return sampling_in(json.dumps(given), Sampling())


@pytest.mark.parametrize("name", sorted(READERS))
def test_each_known_parameter_reaches_the_engine(name: str) -> None:
    value, engine_name, told = VALUES[name]

    body = body_of(read(**{name: value}))

    assert body[engine_name] == told
    assert body != body_of(Sampling())


def test_each_parameter_is_a_field_and_each_field_a_parameter() -> None:
    assert {field.name for field in fields(Sampling)} == set(READERS) == set(VALUES)


def test_nothing_is_left_to_the_defaults_of_the_engine() -> None:
    always = {
        engine_name
        for name, (_, engine_name, _) in VALUES.items()
        if name not in ("seed", "logprobs", "structured_outputs")
    }

    assert always <= set(body_of(Sampling()))


@given(st.text().filter(lambda name: name not in READERS), st.integers() | st.text() | st.booleans())
def test_any_other_name_is_refused_by_it(name: str, value: object) -> None:
    with pytest.raises(BadRequest, match="is unknown; known: frequency_penalty, ") as refused:
        sampling_in(json.dumps({name: value}), Sampling())
    assert repr(name[:80]) in str(refused.value)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"temperature": 2.1}, "temperature is 2.1; expected a number from 0 to 2"),
        ({"temperature": True}, "temperature is True; expected a number"),
        ({"temperature": float("nan")}, "temperature is nan; expected a number"),
        ({"top_p": "high"}, "top_p is 'high'; expected a number from 0 to 1"),
        ({"top_k": -2}, "top_k is -2; expected a whole number from -1"),
        ({"min_p": [0.1]}, r"min_p is \[0.1\]; expected a number"),
        ({"seed": 2**63}, "seed is 9223372036854775808; expected a whole number"),
        ({"seed": 1.5}, "seed is 1.5; expected a whole number"),
        ({"seed": "1.5"}, "seed is '1.5'; expected a whole number"),
        ({"max_tokens": 0}, "max_tokens is 0; expected a whole number from 1"),
        ({"max_tokens": MAX_TOKENS_MAX + 1}, "max_tokens is 2147483648; expected"),
        ({"stop": ["a"] * 17}, "stop is .*; expected a text or a list of at most 16 texts"),
        ({"stop": [""]}, "stop is ''; expected texts of 1 to 256 characters"),
        ({"stop": ["x" * 257]}, "stop is 'xxx.*; expected texts of 1 to 256 characters"),
        ({"stop": [5]}, "stop is 5; expected texts"),
        ({"presence_penalty": -3}, "presence_penalty is -3"),
        ({"frequency_penalty": 3}, "frequency_penalty is 3"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
        ({"logprobs": 21}, "logprobs is 21; expected a whole number from 0 to 20"),
        ({"ignore_eos": 1}, "ignore_eos is 1; expected true or false"),
        (
            {"structured_outputs": {"json": PERSON}, "stop": "x"},
            "structured_outputs goes with neither stop nor ignore_eos",
        ),
        ({"structured_outputs": {"json": PERSON}, "ignore_eos": True}, "structured_outputs goes with neither"),
    ],
)
def test_a_value_out_of_range_is_refused_by_the_name_of_its_parameter(given: dict[str, Any], told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        sampling_in(json.dumps(given), Sampling())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "is no JSON"),
        ("[1]", r"is a list; expected an object such as \{\"max_tokens\": 100\}"),
        ('{"seed": 1, "seed": 2}', "gives 'seed' twice"),
        ("[" * 20_000, "is no JSON"),
        ('{"stop": "' + "x" * PARAMETERS_BYTES_MAX + '"}', "bytes; at most 65536"),
    ],
)
def test_what_is_no_object_of_parameters_is_refused(text: str, told: str) -> None:
    with pytest.raises(BadRequest, match=told):
        sampling_in(text, Sampling())


def test_null_is_absent_and_numbers_may_be_text() -> None:
    assert read(temperature=None, seed=None, stop=None) == Sampling()
    assert read(temperature="0.1", top_p="0.95", max_tokens="100") == read(temperature=0.1, top_p=0.95, max_tokens=100)
    assert sampling_in("", Sampling(max_tokens=9)) == Sampling(max_tokens=9)


@given(st.integers(-SEED_MAX - 1, SEED_MAX))
def test_every_seed_is_one_that_the_engine_takes_and_a_small_one_is_itself(seed: int) -> None:
    told = body_of(read(seed=seed))["seed"]

    assert 0 <= told < ENGINE_SEEDS
    assert told == seed or not 0 <= seed < ENGINE_SEEDS


def test_no_bit_of_a_large_seed_is_dropped() -> None:
    seeds = [7, 2**32 + 7, 2**33 + 7, -7, -1, ENGINE_SEEDS, SEED_MAX]

    assert len({body_of(read(seed=seed))["seed"] for seed in seeds}) == len(seeds)
