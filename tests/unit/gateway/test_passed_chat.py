"""Whole conversations to an OpenAI server: what a stock client sends arrives word for word, and the event holds it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from harness.http.openai_server import answer, whole
from unit.gateway.passed_door import HELLO, MODEL, passed_door
from weir.events import SpansRecorded

SHAPE = {"type": "object", "properties": {"at": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": SHAPE}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"at": "Nîmes"}'}}
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "Be brief."},
    {"role": "developer", "content": [{"type": "text", "text": "In "}, {"type": "text", "text": "French."}]},
    {"role": "user", "content": "Bonjour \u2028 👍", "name": "ada"},
    {"role": "assistant", "content": None, "tool_calls": [CALL], "refusal": None, "audio": None, "annotations": []},
    {"role": "tool", "tool_call_id": "call_1", "content": "21 °C"},
    {"role": "assistant", "content": ""},
    {"role": "user", "content": [{"type": "text", "text": "Et demain?"}]},
    {"role": "assistant", "content": "Demain, "},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}}
ASKED: dict[str, Any] = {
    "temperature": 0.25, "top_p": 1, "seed": 7, "stop": ["\n", "END"], "n": 2, "logprobs": True, "top_logprobs": 3,
    "logit_bias": {"50256": -100}, "presence_penalty": 0.5, "frequency_penalty": -0.5, "max_completion_tokens": 99,
    "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "weather"}}, "parallel_tool_calls": False,
    "response_format": SCHEMA, "reasoning_effort": "low", "verbosity": "low", "service_tier": "auto", "store": False,
    "user": "u-1", "metadata": {"team": "x"}, "safety_identifier": "s-1", "prompt_cache_key": "k-1",
}  # fmt: skip


@pytest.mark.capability("U7")
async def test_what_a_stock_client_sends_arrives_word_for_word(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        stock: dict[str, Any] = {"messages": TALK, **ASKED}  # as a caller without types writes it
        said = await passed.client().chat.completions.create(model="far", **stock)

        assert passed.body == {"model": MODEL, "messages": TALK, **ASKED}
        assert passed.server.requests[0].path == "/v1/chat/completions"
        assert said.choices[0].message.content == "It is blue."


async def test_the_answer_is_word_for_word_but_for_its_id_and_model(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        reply = await passed.chat()

        own = {"id": f"chatcmpl-{reply.headers['weir-request-id']}", "model": "far"}
        assert reply.json() == {**answer(), **own}


@pytest.mark.capability("U7")
async def test_the_events_hold_conversation_parameters_and_answer(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        reply = await passed.chat(TALK, **ASKED)
        requested, event = passed.ended()

        assert requested is not None
        for one in (requested, event):
            assert json.loads(one.input_text) == TALK
            assert (one.user_text, one.model, one.route, one.protocol) == ("Et demain?", MODEL, "far", "openai-chat")
            labels = {"user", "metadata", "safety_identifier", "prompt_cache_key"}
            assert json.loads(one.parameters_json) == {
                name: value for name, value in ASKED.items() if name not in labels
            }
            assert one.release_digest == reply.headers["weir-release"]
        assert (event.outcome, event.output_text, event.finish_reason, event.seed) == ("ok", "It is blue.", "stop", 7)
        assert (event.input_tokens, event.output_tokens) == (7, 3)


async def test_the_root_span_names_provider_and_answering_model(tmp_path: Path) -> None:
    async with passed_door(tmp_path) as passed:
        await passed.chat(user="u-1")
        [spans] = [one for one in passed.door.events() if isinstance(one, SpansRecorded)]

        attributes = spans.spans[0].attributes
        assert attributes["gen_ai.provider.name"] == "openai"
        assert attributes["gen_ai.response.model"] == "their-name"
        assert attributes["user.id"] == "u-1"


@pytest.mark.parametrize("key", ["far.key", "FAR_KEY"])
async def test_the_server_gets_the_operators_key_and_never_the_callers(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far.key").write_text("sk-far\n")
    monkeypatch.setenv("FAR_KEY", "sk-far")
    named = {"api_key_file" if key == "far.key" else "api_key_variable": key}
    async with passed_door(tmp_path, server=named) as passed:
        reply = await passed.door.post(
            "/v1/chat/completions", {"model": "far", "messages": HELLO}, traceparent=f"00-{'a' * 32}-{'b' * 16}-01"
        )

        [asked] = passed.server.requests
        assert reply.status_code == 200
        assert asked.headers["authorization"] == "Bearer sk-far"
        assert asked.headers["traceparent"].split("-")[1] == "a" * 32
        assert "sk-far" not in "".join(map(repr, passed.door.events()))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x/"}}]},
            "messages[0].content[0]",
        ),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "messages[0].content[0]"),
        (
            {"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]},
            "messages[0].content[0].cache_control",
        ),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "messages[0].content[0].text"),
        ({"role": "user", "content": ["x"]}, "messages[0].content[0]"),
        ({"role": "user", "content": 1}, "messages[0].content"),
        ({"role": "user", "content": "x", "mood": "sad"}, "messages[0].mood"),
        ({"role": "user", "content": "x", "name": 1}, "messages[0].name"),
        ({"role": "assistant", "audio": {"id": "a"}}, "messages[0].audio"),
        ({"role": "assistant", "tool_calls": {}}, "messages[0].tool_calls"),
        ({"role": "assistant", "tool_calls": ["x"]}, "messages[0].tool_calls[0]"),
        ({"role": "assistant", "tool_calls": [{"type": "function"}]}, "messages[0].tool_calls[0].function"),
        ({"role": "assistant", "function_call": "x"}, "messages[0].function_call"),
        ({"role": "king", "content": "x"}, "messages[0].role"),
        ("x", "messages[0]"),
    ],
)
async def test_a_part_that_is_not_passed_on_is_refused_by_its_name(tmp_path: Path, message: Any, field: str) -> None:
    async with passed_door(tmp_path) as passed:
        reply = await passed.chat([message])

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)
        assert not passed.server.requests
        assert passed.ended()[1].outcome == "refused"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"top_k": 4}, "top_k"),
        ({"n": 0}, "n"),
        ({"n": 129}, "n"),
        ({"max_tokens": "9"}, "max_tokens"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({"stream": 1}, "stream"),
        ({"metadata": "x"}, "metadata"),
        ({"logprobs": True}, "logprobs"),
    ],
)
async def test_a_field_that_is_not_passed_on_is_refused_by_its_name(
    tmp_path: Path, fields: dict[str, Any], field: str
) -> None:
    async with passed_door(tmp_path, endpoint={"lacks": ["logprobs"]}) as passed:
        reply = await passed.chat(**fields)

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)
        assert not passed.server.requests


async def test_a_field_of_the_server_alone_is_passed_on_where_the_endpoint_lists_it(tmp_path: Path) -> None:
    async with passed_door(tmp_path, endpoint={"extra_fields": ["top_k", "chat_template_kwargs"]}) as passed:
        extra: dict[str, Any] = {"top_k": 4, "chat_template_kwargs": {"enable_thinking": False}}
        assert (await passed.chat(**extra)).status_code == 200

        assert {name: passed.body[name] for name in extra} == extra
        assert json.loads(passed.ended()[1].parameters_json) == extra


LIMITS = {"policy": {"parameters_allowed": ["max_tokens", "seed", "top_k"], "output_tokens_max": 64}}


@pytest.mark.parametrize(
    ("fields", "status", "sent"),
    [
        ({}, 200, {"max_tokens": 64}),
        ({"max_tokens": 5}, 200, {"max_tokens": 5}),
        ({"max_completion_tokens": 5}, 200, {"max_completion_tokens": 5}),
        ({"tools": [TOOL], "seed": 1, "top_k": 2}, 200, {"tools": [TOOL], "seed": 1, "top_k": 2, "max_tokens": 64}),
        ({"max_completion_tokens": 65}, 400, {}),
        ({"max_tokens": 65}, 400, {}),
        ({"temperature": 0}, 400, {}),
        ({"n": 2}, 400, {}),
        ({"mirostat": 2}, 400, {}),
    ],
)
async def test_a_policy_holds_for_every_field(
    tmp_path: Path, fields: dict[str, Any], status: int, sent: dict[str, Any]
) -> None:
    async with passed_door(tmp_path, endpoint={"extra_fields": ["top_k", "mirostat"]}, chain=LIMITS) as passed:
        reply = await passed.chat(route="chained", **fields)

        assert reply.status_code == status, reply.text
        assert [one.body for one in passed.server.requests] == (
            [{"model": MODEL, "messages": HELLO, **sent}] if status == 200 else []
        )


async def test_the_policys_bound_has_the_name_that_the_server_knows(tmp_path: Path) -> None:
    async with passed_door(tmp_path, endpoint={"lacks": ["max_tokens"]}, chain=LIMITS) as passed:
        assert (await passed.chat(route="chained")).status_code == 200

        assert passed.body == {"model": MODEL, "messages": HELLO, "max_completion_tokens": 64}


PROMPT = {"prompt": {"template": "{{ history }} Q: {{ question }}", "variables": ["history", "question"]}}


async def test_a_template_makes_one_message_of_the_conversation_and_the_rest_goes_as_it_came(tmp_path: Path) -> None:
    async with passed_door(tmp_path, chain=PROMPT) as passed:
        talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
        await passed.chat(talk, route="chained", tools=[TOOL])

        rendered = [{"role": "user", "content": "system: Be brief. Q: Why?"}]
        assert passed.body == {"model": MODEL, "messages": rendered, "tools": [TOOL]}
        event = passed.ended()[1]
        assert (json.loads(event.input_text), event.user_text) == (rendered, "Why?")


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"role": "assistant", "content": None, "tool_calls": [CALL]}, "messages[0].tool_calls"),
        ({"role": "tool", "tool_call_id": "call_1", "content": "x"}, "messages[0].role"),
        ({"role": "user", "content": "x", "name": "ada"}, "messages[0].name"),
    ],
)
async def test_what_a_template_cannot_carry_is_refused_by_its_name(
    tmp_path: Path, message: dict[str, Any], field: str
) -> None:
    async with passed_door(tmp_path, chain=PROMPT) as passed:
        reply = await passed.chat([message, *HELLO], route="chained")

        assert (reply.status_code, reply.json()["error"]["param"]) == (400, field)
        assert not passed.server.requests


async def test_an_answer_of_tool_calls_and_of_several_choices_reaches_the_client(tmp_path: Path) -> None:
    said = answer("", tool_calls=[CALL])
    said["choices"].append(
        {"index": 1, "message": {"role": "assistant", "content": "Or so."}, "finish_reason": "length"}
    )
    async with passed_door(tmp_path, whole(said)) as passed:
        reply = (await passed.chat(n=2, tools=[TOOL])).json()

        assert reply["choices"] == said["choices"]
        event = passed.ended()[1]
        assert (event.output_text, event.finish_reason) == ("\nOr so.", "stop")
        assert json.loads(event.tool_calls_json) == [CALL]


async def test_tool_calls_over_the_capture_limit_are_left_out_and_said_to_be(tmp_path: Path) -> None:
    long = {**CALL, "function": {"name": "weather", "arguments": "x" * 10_000}}
    async with passed_door(tmp_path, whole(answer("Short.", tool_calls=[long]))) as passed:
        await passed.chat()

        event = passed.ended()[1]
        assert (event.output_text, event.tool_calls_json, event.output_truncated) == ("Short.", "[]", True)
