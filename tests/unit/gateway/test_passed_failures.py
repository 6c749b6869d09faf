"""Every way in which an OpenAI server fails has one end: what the client hears, and what the event says."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from prometheus_client import REGISTRY

from harness.http.gateway_http import CARD, asset
from harness.http.openai_server import CUT, END, HANG, Play, answer, whole
from harness.waiting import PATIENCE_S
from unit.gateway.doors import KEYS, doors, request_of
from unit.gateway.passed_door import passed_door

GOOD = whole(answer())
ERROR = {"error": {"message": "n must be 1", "type": "invalid_request_error", "param": "n", "code": None}}
HALF: Play = (b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{", CUT)
HALF_HEAD: Play = (b"HTTP/1.1 200 OK\r\ncontent-", CUT)
GZIP = whole(b"\x1f\x8b", content_encoding="gzip")


@pytest.mark.parametrize(
    ("play", "status", "code", "outcome"),
    [
        (whole(ERROR, 400), 400, "invalid_request", "failed"),
        (whole(ERROR, 422), 400, "invalid_request", "failed"),
        (whole({"detail": "no"}, 413), 413, "payload_too_large", "refused"),
        (whole(ERROR, 401), 502, "upstream_error", "failed"),
        (whole(ERROR, 403), 502, "upstream_error", "failed"),
        (whole(ERROR, 404), 502, "upstream_error", "failed"),
        (whole(ERROR, 429), 429, "rate_limited", "refused"),
        (whole(ERROR, 500), 502, "upstream_error", "failed"),
        (whole(b"<html>", 502), 502, "upstream_error", "failed"),
        (whole(ERROR, 503), 503, "overloaded", "refused"),
        (whole(ERROR, 504), 504, "deadline_exceeded", "failed"),
        (whole(b"", 307, location="http://127.0.0.1:1/"), 502, "upstream_error", "failed"),
        (whole(b"not json"), 502, "upstream_error", "failed"),
        (whole([]), 502, "upstream_error", "failed"),
        (whole({"choices": 1}), 502, "upstream_error", "failed"),
        (whole(ERROR), 502, "upstream_error", "failed"),
        (whole({**answer(), **ERROR}), 502, "upstream_error", "failed"),
        (GZIP, 502, "upstream_error", "failed"),
        (HALF, 502, "upstream_error", "failed"),
        ((CUT,), 503, "upstream_unavailable", "failed"),
        ((b"nonsense\r\n\r\n", CUT), 502, "upstream_error", "failed"),
        (HALF_HEAD, 502, "upstream_error", "failed"),
    ],
)
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_failure_has_one_end(
    tmp_path: Path, play: Play, status: int, code: str, outcome: str, is_stream: bool
) -> None:
    async with passed_door(tmp_path, play) as passed:
        reply = await passed.chat(stream=is_stream)

        assert (reply.status_code, reply.json()["error"]["code"]) == (status, code), reply.text
        requested, event = passed.ended()
        assert requested is not None
        assert (event.outcome, event.error_type, event.http_status) == (outcome, code, status)
        assert passed.door.parts.turnstile.calls.held == 0


async def test_the_servers_word_about_the_callers_fault_is_passed_on_with_its_field(tmp_path: Path) -> None:
    async with passed_door(tmp_path, whole(ERROR, 400)) as passed:
        error = (await passed.chat()).json()["error"]

        assert (error["message"], error["param"]) == ("the OpenAI server answered 400: n must be 1", "n")


async def test_the_servers_word_about_our_key_is_not(tmp_path: Path) -> None:
    said = {"error": {"message": "Incorrect API key provided: sk-12345"}}
    async with passed_door(tmp_path, whole(said, 401)) as passed:
        reply = await passed.chat()

        assert "sk-12345" not in reply.text + repr(passed.door.events())


@pytest.mark.parametrize(
    ("headers", "passed_on"),
    [
        ({"retry_after": "7"}, "7"),
        ({"retry_after": "0.5"}, "1"),
        ({"retry_after_ms": "2500", "retry_after": "7"}, "3"),
        ({"retry_after": "999999999"}, "86400"),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "-1"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_that_a_busy_server_asks_for_is_passed_on(
    tmp_path: Path, headers: dict[str, str], passed_on: str | None, status: int
) -> None:
    async with passed_door(tmp_path, whole(ERROR, status, **headers)) as passed:
        assert (await passed.chat()).headers.get("retry-after") == passed_on
        assert len(passed.server.requests) == 1


@pytest.mark.parametrize("play", [(HANG,), (b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n{", HANG)])
@pytest.mark.parametrize("wait", ["silence", "whole"])
async def test_a_server_that_hangs_is_let_go(tmp_path: Path, play: Play, wait: str) -> None:
    server: dict[str, Any] = {"silence_s": 0.3} if wait == "silence" else {}
    settings: dict[str, Any] = {} if wait == "silence" else {"WEIR_GATEWAY_TIMEOUT_S": "0.3"}
    async with passed_door(tmp_path, play, server=server, **settings) as passed:
        reply = await passed.chat()

        assert (reply.status_code, reply.json()["error"]["code"]) == (504, "deadline_exceeded")
        assert passed.ended()[1].outcome == "failed"
        async with asyncio.timeout(PATIENCE_S):
            while passed.server.open_connections:
                await asyncio.sleep(0)
        assert len(passed.server.requests) <= 1  # a slow machine may not even have sent it


async def test_a_call_is_sent_again_only_before_a_byte_of_its_answer(tmp_path: Path) -> None:
    async with passed_door(tmp_path, (CUT,), GOOD) as passed:
        before = retries()
        reply = await passed.chat()

        assert (reply.status_code, len(passed.server.requests), retries() - before) == (200, 2, 1)
        assert passed.ended()[1].outcome == "ok"


@pytest.mark.parametrize(
    "play",
    [HALF, HALF_HEAD, (HALF_HEAD[0], END), (b"nonsense\r\n\r\n", END), (b"HTTP/1.1 103 Early Hints\r\n\r\n", END)],
    ids=["half a body", "half a head, reset", "half a head, closed", "no HTTP", "a status before the answer"],
)
async def test_a_call_is_not_sent_again_once_a_byte_came(tmp_path: Path, play: Play) -> None:
    async with passed_door(tmp_path, play, GOOD) as passed:
        before = retries()
        reply = await passed.chat()

        assert (reply.status_code, reply.json()["error"]["code"]) == (502, "upstream_error")
        assert (len(passed.server.requests), retries() - before) == (1, 0)


async def test_a_kept_connection_that_the_server_closed_is_no_answer(tmp_path: Path) -> None:
    async with passed_door(tmp_path, GOOD, (END,), GOOD) as passed:
        assert [(await passed.chat()).status_code for _ in range(2)] == [200, 200]
        assert len(passed.server.requests) == 3


def retries() -> float:
    """Calls sent again so far."""
    found = [one for metric in REGISTRY.collect() for one in metric.samples]
    return sum(one.value for one in found if one.name == "weir_gateway_openai_servers_retries_total")


async def test_a_server_that_is_not_there_is_said_to_be_unreachable(tmp_path: Path) -> None:
    gone = "http://127.0.0.1:1/v1"
    async with passed_door(tmp_path, endpoint={"base_url": gone}) as passed:
        passed.list_servers({"base_url": gone, "attempts_max": 1})
        reply = await passed.chat()

        assert (reply.status_code, reply.json()["error"]["code"]) == (503, "upstream_unavailable")
        assert passed.ended()[1].outcome == "failed"


async def test_an_answer_over_the_limit_is_an_error(tmp_path: Path) -> None:
    async with passed_door(tmp_path, whole(answer("x" * 2_000)), WEIR_GATEWAY_MESSAGE_BYTES_MAX="1500") as passed:
        reply = await passed.chat()

        assert reply.status_code == 502
        assert "1500 bytes" in reply.json()["error"]["message"]


async def test_calls_over_the_connections_of_a_server_are_refused_at_once(tmp_path: Path) -> None:
    async with passed_door(tmp_path, (HANG,), server={"connections_max": 1}) as passed:
        first = asyncio.create_task(passed.chat())
        async with asyncio.timeout(PATIENCE_S):
            while not passed.server.requests:
                await asyncio.sleep(0)
        second = await passed.chat()

        assert (second.status_code, second.json()["error"]["code"]) == (503, "overloaded")
        assert second.headers["retry-after"] == "1"
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        async with asyncio.timeout(PATIENCE_S):
            await passed.server.gone.wait()
        assert passed.door.parts.turnstile.calls.held == 0


async def test_over_grpc_the_route_says_where_to_ask(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway, gateway.channel() as channel:
        endpoint = {"base_url": "http://127.0.0.1:1/v1", "model": "m"}
        gateway.parts.catalog.apply(asset("model", "far", {"task": "chat", "card": CARD, "endpoint": endpoint}))
        with pytest.raises(grpc.aio.AioRpcError, match="under /v1") as refused:
            await gateway.infer(request_of("far"), KEYS["ada"], channel)

        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert gateway.model.calls == 0
