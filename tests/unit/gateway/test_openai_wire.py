"""What is read of a recorded call to an OpenAI server: any bytes give an event, a stream gives what the whole answer would."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from harness.http.openai_server import answer, piece
from weir.gateway.core.openai_wire import read_passed_answer, read_passed_request

NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.sampled_from(
    ["choices", "message", "delta", "content", "text", "tool_calls", "function", "arguments", "index", "id", "usage",
     "prompt_tokens", "completion_tokens", "finish_reason", "function_call", "messages", "prompt", "input", "model", "name"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
CALLS = st.lists(st.tuples(st.text(max_size=5), st.lists(st.text(max_size=4), min_size=1, max_size=3)), max_size=3)


@given(st.lists(st.binary(max_size=20) | JSON.map(orjson.dumps), max_size=4), st.booleans())
def test_any_bytes_give_texts_and_facts_that_an_event_can_carry(bodies: list[bytes], is_stream: bool) -> None:
    found = read_passed_answer(bodies, is_stream=is_stream)

    assert isinstance(json.loads(found.tool_calls_json), list)
    found.text.encode()
    for wire in bodies:
        facts = read_passed_request(wire)
        assert json.loads(facts.parameters_json) == facts.parameters
        facts.text.encode()


@given(st.lists(st.text(max_size=5), max_size=4), CALLS)
def test_a_stream_is_read_as_the_whole_answer_would_be(words: list[str], calls: list[tuple[str, list[str]]]) -> None:
    whole = [
        {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": "".join(parts)}}
        for at, (name, parts) in enumerate(calls)
    ]
    pieces: list[Any] = [piece({"content": word}) for word in words]
    for at, (name, parts) in enumerate(calls):
        first = {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": parts[0]}}
        rest = [{"index": at, "function": {"arguments": part}} for part in parts[1:]]
        pieces += [piece({"tool_calls": [one]}) for one in (first, *rest)]
    streamed = read_passed_answer([orjson.dumps(one) for one in (*pieces, piece({}, "stop"))], is_stream=True)
    said = answer("".join(words), **({"tool_calls": whole} if whole else {}))
    at_once = read_passed_answer([orjson.dumps(said)], is_stream=False)

    assert (streamed.text, streamed.finish_reason) == (at_once.text, at_once.finish_reason)
    assert json.loads(streamed.tool_calls_json) == json.loads(at_once.tool_calls_json) == whole


def test_a_call_of_a_function_in_the_old_form_is_a_tool_call() -> None:
    called = {"name": "weather", "arguments": "{}"}
    body = {"choices": [{"index": 0, "message": {"content": None, "function_call": called}}]}

    found = read_passed_answer([orjson.dumps(body)], is_stream=False)
    assert json.loads(found.tool_calls_json) == [{"type": "function", "function": called}]
