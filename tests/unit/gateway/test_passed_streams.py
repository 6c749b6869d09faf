"""Streams of an OpenAI server: pieces go on as they come, the call is recorded before [DONE], and a cut is never a clean end."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.http.openai_server import CUT, HANG, HELD, USAGE, Play, piece, spoken, streamed
from harness.waiting import PATIENCE_S
from unit.gateway.passed_door import HELLO, MODEL, passed_door
from weir.access.refusals import Refusal
from weir.gateway.core.passed_answer import PassedStream

FIRST = piece({"role": "assistant", "content": ""})
SAID = [FIRST, piece({"content": "It is "}), piece({"content": "blue."})]
END = piece({}, "stop")
LOST = {"error": {"code": 502, "message": "Provider disconnected"}}
"""What OpenRouter sends beside the choices of the last piece."""
CALL = {"id": "call_1", "type": "function"}


def datas(text: str) -> list[Any]:
    """The data of each event, but [DONE]."""
    lines = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [json.loads(line) for line in lines if line != "[DONE]"]


async def test_pieces_are_word_for_word_but_for_their_id_and_model(tmp_path: Path) -> None:
    async with passed_door(tmp_path, streamed(*SAID, END, USAGE, "[DONE]")) as passed:
        reply = await passed.chat(stream=True, stream_options={"include_usage": True})

        own = {"id": f"chatcmpl-{reply.headers['weir-request-id']}", "model": "far"}
        assert datas(reply.text) == [{**one, **own} for one in (*SAID, END, USAGE)]
        assert reply.text.endswith("data: [DONE]\n\n")
        sent = {"stream": True, "stream_options": {"include_usage": True}}
        assert passed.body == {"model": MODEL, "messages": HELLO, **sent}
        requested, event = passed.ended()
        assert requested is not None
        assert (event.outcome, event.protocol) == ("ok", "openai-chat-stream")
        assert (event.output_text, event.finish_reason) == ("It is blue.", "stop")
        assert (event.input_tokens, event.output_tokens) == (7, 2)
        assert event.time_to_first_token_ms is not None
        assert event.time_to_first_token_ms <= event.latency_ms


async def test_usage_is_asked_for_and_told_to_nobody_who_did_not_ask(tmp_path: Path) -> None:
    async with passed_door(tmp_path, spoken("Blue.")) as passed:
        reply = await passed.chat(stream=True)

        assert all(one["choices"] for one in datas(reply.text))
        assert passed.ended()[1].output_tokens == 2


async def test_a_server_without_stream_options_is_not_sent_them(tmp_path: Path) -> None:
    async with passed_door(tmp_path, streamed(*SAID, END, "[DONE]"), endpoint={"lacks": ["stream_options"]}) as passed:
        assert (await passed.chat(stream=True)).text.endswith("data: [DONE]\n\n")
        assert passed.body == {"model": MODEL, "messages": HELLO, "stream": True}
        assert passed.ended()[1].output_tokens is None


async def test_a_stock_client_reads_streamed_tool_calls(tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = [
        {"index": 0, **CALL, "function": {"name": "weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"at":'}},
        {"index": 0, "function": {"arguments": ' "Rome"}'}},
    ]
    pieces = [piece({"tool_calls": [one]}) for one in calls]
    async with passed_door(tmp_path, streamed(FIRST, *pieces, piece({}, "tool_calls"), "[DONE]")) as passed:
        stream = await passed.client().chat.completions.create(
            model="far", messages=[{"role": "user", "content": "Weather?"}], stream=True
        )
        found = [one async for one in stream]

        said = [one.choices[0].delta.tool_calls[0] for one in found if one.choices[0].delta.tool_calls]
        assert "".join(one.function.arguments or "" for one in said if one.function) == '{"at": "Rome"}'
        assert found[-1].choices[0].finish_reason == "tool_calls"
        [held] = json.loads(passed.ended()[1].tool_calls_json)
        assert held == {**CALL, "function": {"name": "weather", "arguments": '{"at": "Rome"}'}}


@pytest.mark.parametrize(
    ("play", "outcome", "code"),
    [
        (streamed(*SAID, ends=(CUT,)), "upstream_lost", "upstream_error"),
        (streamed(*SAID), "upstream_lost", "upstream_error"),
        (streamed(*SAID, ends=(HANG,)), "failed", "deadline_exceeded"),
        (streamed(*SAID, {"error": {"message": "out of memory", "param": None}}), "failed", "upstream_error"),
        (streamed(*SAID, {**END, **LOST}, "[DONE]"), "failed", "upstream_error"),
        (streamed(*SAID, {**piece({"content": ""}, "error"), **LOST}), "failed", "upstream_error"),
        (streamed(*SAID, "{not json", END, "[DONE]"), "upstream_lost", "upstream_error"),
        (streamed(*SAID, "[]", END, "[DONE]"), "upstream_lost", "upstream_error"),
        (streamed(*SAID, piece({"content": "x" * 3_000}), END, "[DONE]"), "upstream_lost", "upstream_error"),
    ],
    ids=[
        "cut",
        "just stops",
        "hangs",
        "error",
        "error and [DONE]",
        "error beside choices",
        "no JSON",
        "a list",
        "too large",
    ],
)
async def test_a_stream_that_breaks_off_is_an_error_without_done(
    tmp_path: Path, play: Play, outcome: str, code: str
) -> None:
    limits: dict[str, Any] = {"WEIR_GATEWAY_MESSAGE_BYTES_MAX": "2000"}
    async with passed_door(tmp_path, play, server={"silence_s": 1.0}, **limits) as passed:
        reply = await passed.chat(stream=True)

        assert reply.status_code == 200
        assert "[DONE]" not in reply.text
        assert datas(reply.text)[-1]["error"]["code"] == code
        event = passed.ended()[1]
        assert (event.outcome, event.error_type, event.output_text) == (outcome, code, "It is blue.")
        assert passed.door.parts.turnstile.calls.held == 0


async def test_a_stream_without_done_is_whole_when_each_answer_has_its_reason(tmp_path: Path) -> None:
    async with passed_door(tmp_path, streamed(*SAID, END)) as passed:
        assert (await passed.chat(stream=True)).text.endswith("data: [DONE]\n\n")
        assert passed.ended()[1].outcome == "ok"


@pytest.mark.parametrize(("words", "status"), [(["w"] * 99, 200), (["word" * 20] * 99, 429)])
async def test_the_words_of_an_answer_count_as_tokens_and_not_the_json_around_them(
    tmp_path: Path, words: list[str], status: int
) -> None:
    async with passed_door(tmp_path, spoken(*words), WEIR_GATEWAY_TOKENS_PER_MINUTE_TENANT="400") as passed:
        assert (await passed.chat(stream=True)).text.endswith("data: [DONE]\n\n")

        assert (await passed.chat(stream=True)).status_code == status


async def test_the_time_that_a_client_takes_is_not_the_servers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"WEIR_GATEWAY_TIMEOUT_S": "60", "WEIR_GATEWAY_WRITE_TIMEOUT_S": "10000"}
    play = *streamed(*SAID, ends=()), HELD, *streamed(END, "[DONE]")[1:]
    async with passed_door(tmp_path, play, **settings) as passed:
        loop, later_s = asyncio.get_running_loop(), [0.0]
        real_s, app = loop.time, passed.door.client._transport.app  # type: ignore[attr-defined]  # the transport of a test client
        monkeypatch.setattr(loop, "time", lambda: real_s() + later_s[0])

        async def slow(scope: Any, receive: Any, send: Any) -> None:
            async def take(message: Any) -> None:
                await send(message)
                if message.get("body"):
                    later_s[0] += 1_000.0
                    passed.server.go_on.set()

            await app(scope, receive, take)

        passed.door.client._transport.app = slow  # type: ignore[attr-defined]  # as above
        assert (await passed.chat(stream=True)).text.endswith("data: [DONE]\n\n")
        assert later_s[0] > 3_000
        assert passed.ended()[1].outcome == "ok"


async def test_a_client_that_goes_away_lets_the_server_go(tmp_path: Path) -> None:
    async with passed_door(tmp_path, (*streamed(*SAID, ends=()), HANG)) as passed:
        asking = asyncio.create_task(passed.chat(stream=True))
        async with asyncio.timeout(PATIENCE_S):
            while not passed.server.requests:
                await asyncio.sleep(0)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

        async with asyncio.timeout(PATIENCE_S):
            await passed.server.gone.wait()
        assert passed.ended()[1].outcome == "cancelled"


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans()), max_size=8), st.booleans())
def test_a_stream_is_whole_with_done_or_with_a_reason_for_each_answer(
    pieces: list[tuple[int, bool]], is_done: bool
) -> None:
    stream = PassedStream()
    for index, is_last in pieces:
        stream.take(json.dumps(piece({}, "stop" if is_last else None, index)))
    if is_done:
        assert stream.take("[DONE]") is None

    begun, ended = {index for index, _ in pieces}, {index for index, is_last in pieces if is_last}
    assert stream.is_whole == (is_done or bool(begun and begun == ended))


@given(st.text())
def test_any_data_is_an_object_the_end_or_a_refusal(data: str) -> None:
    body: object = None
    with suppress(Refusal):
        body = PassedStream().take(data)

    assert body is None or isinstance(body, dict)
