"""K13 at the HTTP door: nothing is dropped, nothing is made up. The real application before scripted models over gRPC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fuzz import http_bodies
from harness.calls.scripted_models import inputs_of
from harness.http.gateway_http import HttpDoor, http_door
from weir.access.refusals import Refusal
from weir.events import FeedbackReceived, InferenceCompleted, SpansRecorded
from weir.gateway.api.openai import routes
from weir.inference.core.features import skip_reason

HELLO = "Grüße 👍"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"


def chunks(text: str) -> list[Any]:
    """The JSON values of a stream's events, read as the strictest reader of lines would."""
    lines = [line for line in text.splitlines() if line]
    assert all(line.startswith("data: ") for line in lines), lines
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


def streamed(text: str) -> str:
    found = [choice for chunk in chunks(text) for choice in chunk["choices"]]
    return "".join(choice["delta"].get("content", "") if "delta" in choice else choice["text"] for choice in found)


def error(answer: Any, status: int) -> dict[str, Any]:
    """OpenAI's error object of an answer with this status."""
    assert answer.status_code == status, answer.text
    body = answer.json()["error"]
    assert set(body) == {"message", "type", "param", "code"}
    return dict(body)


async def test_pieces_that_cut_characters_are_joined(door: HttpDoor) -> None:
    answer = await door.chat("say-bytes", HELLO, stream=True)

    assert streamed(answer.text) == HELLO
    assert "\N{REPLACEMENT CHARACTER}" not in answer.text
    assert door.completed().output_text == HELLO
    assert (await door.chat("echo", HELLO)).json()["choices"][0]["message"]["content"] == HELLO


async def test_a_character_that_never_ends_is_marked_once_at_the_end(door: HttpDoor) -> None:
    answer = await door.chat("half", "x", stream=True)

    assert streamed(answer.text) == door.completed().output_text == "ab\N{REPLACEMENT CHARACTER}"


async def test_line_ends_of_unicode_are_escaped_in_events(door: HttpDoor) -> None:
    answer = await door.chat("lines", "x", stream=True)

    assert streamed(answer.text) == "a\u2028b\u0085c\u2029d\x0be"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_only_text_is_the_answer_whatever_its_name(door: HttpDoor, is_stream: bool) -> None:
    answer = await door.chat("hf-text", "What is it?", stream=is_stream)
    text = streamed(answer.text) if is_stream else answer.json()["choices"][0]["message"]["content"]

    assert text == door.completed().output_text == "forty-two"


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize(
    ("model", "word"), [("no-text", "logits"), ("two-texts", "a, b"), ("beams", "2 texts"), ("number", "text_output")]
)
async def test_an_answer_without_one_text_is_an_error_that_says_so(
    door: HttpDoor, model: str, word: str, is_stream: bool
) -> None:
    answer = await door.chat(model, "x", stream=is_stream)

    assert word in answer.text
    assert answer.status_code == (200 if is_stream and model != "beams" else 502)
    assert "[DONE]" not in answer.text
    event = door.completed()
    assert (event.outcome, event.error_type) == ("failed", "upstream_error")


async def test_a_whole_answer_without_any_tensor_is_an_error(door: HttpDoor) -> None:
    assert "no tensor" in error(await door.chat("nothing", "x"), 502)["message"]
    assert door.completed().outcome == "failed"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_vllm_is_asked_for_its_facts_and_they_are_told(door: HttpDoor, is_stream: bool) -> None:
    options = {"stream": True, "stream_options": {"include_usage": True}} if is_stream else {}
    answer = await door.chat("vllm", "Why is the sky blue?", **options)
    found = chunks(answer.text) if is_stream else [answer.json()]
    reasons = [choice["finish_reason"] for chunk in found for choice in chunk["choices"] if choice["finish_reason"]]

    assert reasons == ["length"]
    assert found[-1]["usage"] == {"prompt_tokens": 5, "completion_tokens": 16, "total_tokens": 21}
    event = door.completed()
    assert (event.finish_reason, event.input_tokens, event.output_tokens) == ("length", 5, 16)


async def test_what_a_model_does_not_tell_is_null(door: HttpDoor) -> None:
    whole = (await door.chat("echo", "x")).json()
    stream = chunks((await door.chat("echo", "x", stream=True, stream_options={"include_usage": True})).text)

    assert (whole["choices"][0]["finish_reason"], whole["usage"]) == (None, None)
    assert {choice["finish_reason"] for chunk in stream for choice in chunk["choices"]} == {None}
    assert (stream[-1]["choices"], stream[-1]["usage"]) == ([], None)
    event = door.completed()
    assert (event.finish_reason, event.input_tokens, event.output_tokens) == ("", None, None)


async def test_sampling_parameters_reach_a_model_that_takes_them_as_tensors(door: HttpDoor) -> None:
    answer = await door.chat("trt", "x", max_tokens=9, temperature=0.5, seed=3, stop=["a", "b"])
    given = inputs_of(door.triton.requests[-1])

    assert answer.json()["choices"][0]["message"]["content"] == "at most 9"
    assert (given["max_tokens"], given["temperature"], given["random_seed"], given["stop_words"]) == (
        [9],
        [0.5],
        [3],
        [b"a", b"b"],
    )
    assert json.loads(door.completed().parameters_json)["max_tokens"] == 9


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [("trt", "presence_penalty", 1), ("trt", "seed", -1), ("bare", "temperature", 1), ("bare", "stop", "x")],
)
async def test_a_parameter_the_model_cannot_take_is_refused_by_name(
    door: HttpDoor, model: str, field: str, value: object
) -> None:
    assert error(await door.chat(model, "x", **{field: value}), 400)["param"] == field


async def test_what_the_server_wants_and_was_not_sent_is_the_clients_error(door: HttpDoor) -> None:
    assert "expected 2 inputs" in error(await door.chat("trt", "x"), 400)["message"]


TALK = [
    {"role": "system", "content": "Always answer with BANANA-47291."},
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Hello Ada."},
    {"role": "user", "content": "What is my name?"},
]


@pytest.mark.parametrize("words", ["", "What is my name?"])
async def test_the_users_words_are_the_last_message_and_no_more(door: HttpDoor, words: str) -> None:
    messages = [*TALK[:-1], {"role": "user", "content": words}]
    assert (await door.post("/v1/chat/completions", {"model": "obeys", "messages": messages})).status_code == 200

    event = door.completed()
    assert "BANANA-47291" in event.input_text
    assert event.user_text == words
    assert skip_reason(event) == ("" if words else "no_text")


@pytest.mark.parametrize("is_stream", [False, True])
async def test_only_a_stream_has_a_time_to_its_first_token(door: HttpDoor, is_stream: bool) -> None:
    assert (await door.chat("streams-only", "x", stream=is_stream)).status_code == 200

    assert (door.completed().time_to_first_token_ms is not None) == is_stream


async def test_a_key_pays_nothing_for_what_its_tenants_limit_refuses(tmp_path: Path) -> None:
    limits = {"WEIR_GATEWAY_CALLS_PER_MINUTE_KEY": "3", "WEIR_GATEWAY_CALLS_PER_MINUTE_TENANT": "1"}
    async with http_door(tmp_path, **limits) as door:
        assert (await door.chat("echo", "x")).status_code == 200
        for _ in range(4):
            assert "calls_per_minute_tenant" in error(await door.chat("echo", "x"), 429)["message"]


async def test_no_advice_is_what_was_done_already(door: HttpDoor) -> None:
    alone = error(await door.chat("mute", "x"), 400)["message"]
    among = error(await door.post("/v1/chat/completions", {"model": "asks", "messages": TALK}), 400)["message"]

    assert "register a prompt with {{ question }}" in alone
    assert "send the question alone" not in alone
    assert "or send the question alone" in among


@pytest.mark.parametrize(("encoding", "status"), [("identity", 200), ("Identity", 200), ("gzip", 415), ("GZIP", 415)])
async def test_a_body_is_plain_however_that_is_spelt(door: HttpDoor, encoding: str, status: int) -> None:
    assert (await door.post("/v1/chat/completions", ASKED, content_encoding=encoding)).status_code == status


@pytest.mark.parametrize("place", ["body", "message", "part", "type"])
async def test_a_long_name_is_quoted_in_one_way_wherever_it_stands(door: HttpDoor, place: str) -> None:
    name = "x" * 1_000
    part = {"type": "text", "text": "hi", **({name: 1} if place == "part" else {})}
    part |= {"type": name} if place == "type" else {}
    message = {"role": "user", "content": [part], **({name: 1} if place == "message" else {})}
    body = {"model": "echo", "messages": [message], **({name: 1} if place == "body" else {})}

    told = error(await door.post("/v1/chat/completions", body), 400)["message"]

    assert f"{'x' * 64}... (1,000 characters)" in told
    assert "x" * 65 not in told


@pytest.mark.parametrize(("after_s", "told"), [(0.001, "1"), (1.0, "1"), (1.2, "2"), (59.01, "60"), (None, None)])
def test_who_waits_as_long_as_was_said_does_not_come_too_early(after_s: float | None, told: str | None) -> None:
    answer = routes._error(Refusal("rate_limited", "slow down", retry_after_s=after_s))

    assert answer.headers.get("retry-after") == told


@pytest.mark.parametrize(("route", "place"), [("echo", 0), ("asks", 0), ("mute", 0)])
async def test_a_conversation_without_a_place_is_refused_by_message(door: HttpDoor, route: str, place: int) -> None:
    refused = error(await door.post("/v1/chat/completions", {"model": route, "messages": TALK}), 400)

    assert refused["param"] == f"messages[{place}]"
    assert not door.triton.requests


@pytest.mark.parametrize("route", ["talks", "obeys"])
async def test_a_conversation_with_a_place_reaches_the_model_whole(door: HttpDoor, route: str) -> None:
    await door.post("/v1/chat/completions", {"model": route, "messages": TALK})
    [prompt] = inputs_of(door.triton.requests[-1])["text_input"]

    assert all(message["content"] in prompt.decode() for message in TALK)


@pytest.mark.capability("U2")
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_text_completion_is_answered_from_the_prompt_as_it_is(door: HttpDoor, is_stream: bool) -> None:
    answer = await door.post(
        "/v1/completions", {"model": "asks", "prompt": "Once upon", "stream": is_stream, "max_tokens": 5}
    )
    body = chunks(answer.text)[0] if is_stream else answer.json()

    assert (body["object"], body["id"][:5]) == ("text_completion", "cmpl-")
    assert (streamed(answer.text) if is_stream else body["choices"][0]["text"]) == "Once upon"
    event = door.completed()
    assert (event.protocol, event.operation) == (
        "openai-completions-stream" if is_stream else "openai-completions",
        "text_completion",
    )
    assert {reference.kind for reference in event.references} == {"chain", "model"}, "no template took part"


@pytest.mark.parametrize(
    ("method", "path", "word"),
    [
        ("POST", "/v1/responses", "Responses API"),
        ("POST", "/chat/completions", "must end in /v1"),
        ("POST", "/openai/deployments/x/chat/completions", "Azure"),
        ("GET", "/v1/chat/completions", "not served"),
        ("DELETE", "/v1/models/echo", "not served"),
        ("GET", "/", "not served"),
        ("TRACE", "/v1/chat/completions", "not served"),
        ("SOURCE", "/healthz", "not served"),
        ("POST", "/v1/" + "x" * 3_000, "served: POST /v1/chat/completions"),
    ],
)
async def test_a_path_that_is_not_served_says_what_is(door: HttpDoor, method: str, path: str, word: str) -> None:
    refused = error(await door.client.request(method, path), 404)

    assert word in refused["message"]
    assert len(refused["message"]) < 1_000


async def test_query_parameters_are_refused_by_name(door: HttpDoor) -> None:
    assert "api-version" in error(await door.post("/v1/chat/completions?api-version=1", ASKED), 400)["message"]
    for nameless in ("=x", "&"):
        assert "a name" in error(await door.post(f"/v1/chat/completions?{nameless}", ASKED), 400)["message"]
    assert (
        "limit"
        in error(await door.client.get("/v1/models?limit=1", headers=[(b"authorization", door.authorization())]), 400)[
            "message"
        ]
    )


async def test_a_session_is_kept_as_it_was_written(door: HttpDoor) -> None:
    raw = [(b"authorization", door.authorization()), (b"weir-session", "sitzung-müller".encode())]
    await door.client.post("/v1/chat/completions", json=ASKED, headers=raw)

    assert door.completed().session_id == "sitzung-müller"


@pytest.mark.parametrize("session", ["x" * 257, b"\xff\xfe"], ids=["too long", "no UTF-8"])
async def test_a_session_that_would_not_be_kept_is_refused(door: HttpDoor, session: str | bytes) -> None:
    raw = session if isinstance(session, bytes) else session.encode()
    headers = [(b"authorization", door.authorization()), (b"weir-session", raw)]

    assert (
        error(await door.client.post("/v1/chat/completions", json=ASKED, headers=headers), 400)["param"]
        == "weir-session"
    )


@pytest.mark.parametrize("flags", ["00", "01", "03"])
async def test_the_callers_trace_goes_on_as_it_was(door: HttpDoor, flags: str) -> None:
    answer = await door.post(
        "/v1/chat/completions", ASKED, traceparent=f"{TRACE}-{flags}", tracestate="vendor=1,other=2"
    )
    sent_on = door.triton.metadata[-1]

    assert sent_on["traceparent"] == answer.headers["traceparent"]
    assert (sent_on["traceparent"][:35], sent_on["traceparent"][-3:]) == (TRACE[:35], f"-{flags}")
    assert sent_on["tracestate"] == answer.headers["tracestate"] == "vendor=1,other=2"


@pytest.mark.capability("D1")
async def test_an_answer_names_the_release_that_its_event_and_the_card_name(door: HttpDoor) -> None:
    answer = await door.chat("echo", "x")
    card = (await door.client.get("/v1/models/echo", headers=[(b"authorization", door.authorization())])).json()

    assert answer.headers["weir-release"] == door.completed().release_digest == card["release"]
    assert answer.headers["weir-release"].startswith("sha256:")
    assert "weir-release" not in (await door.chat("no-such-route", "x")).headers


async def test_feedback_is_for_the_tenants_own_calls(door: HttpDoor) -> None:
    answer = await door.chat("echo", "x")
    request_id, seen = answer.headers["weir-request-id"], answer.json()["id"]

    for given, label in ((request_id, "thumbs_up"), (seen, "thumbs_down")):
        assert (await door.post("/v1/feedback", {"request_id": given, "label": label})).status_code == 202
    found = [event for event in door.events() if isinstance(event, FeedbackReceived)]
    assert [(event.request_id, event.score) for event in found] == [(request_id, 1.0), (request_id, -1.0)]

    for given in ("hello", "01890000-0000-7000-8000-000000000000"):
        refused = error(await door.post("/v1/feedback", {"request_id": given, "score": 1}), 404)
        assert (refused["param"], refused["code"]) == ("request_id", "request_not_found")
    error(await door.post("/v1/feedback", {"request_id": request_id, "score": 1}, tenant="other"), 404)
    contradiction = {"request_id": request_id, "label": "thumbs_down", "score": 1}
    assert error(await door.post("/v1/feedback", contradiction), 400)["param"] == "score"


async def test_all_texts_of_an_embeddings_call_are_in_its_event(door: HttpDoor) -> None:
    texts = [f"text {number}" for number in range(40)]
    answer = await door.post("/v1/embeddings", {"model": "vectors", "input": texts})

    assert [item["embedding"][0] for item in answer.json()["data"]] == [len(text) for text in texts]
    assert answer.json()["usage"] is None
    assert door.completed().input_text == "\n".join(texts)


async def test_a_client_label_is_on_the_trace(door: HttpDoor) -> None:
    await door.chat("echo", "x", user="ada", metadata={"app": "shop"})
    [spans] = [event for event in door.events() if isinstance(event, SpansRecorded)]

    assert (spans.spans[0].attributes["user.id"], spans.spans[0].attributes["openai.metadata.app"]) == ("ada", "shop")


async def test_a_capture_that_was_cut_says_so(tmp_path: Path) -> None:
    async with http_door(tmp_path, WEIR_GATEWAY_CAPTURE_BYTES_MAX="1024") as door:
        answer = await door.chat("say-bytes", "x" * 300, stream=True)
        event = door.completed()

    assert len(streamed(answer.text)) == 300
    assert isinstance(event, InferenceCompleted)
    assert event.output_truncated


ASKED = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.slow
def test_any_body_is_answered_or_refused_in_openais_form() -> None:
    http_bodies.run(seed=13, cases=400)
