"""Which connections our server ends by itself: those that do not begin, do not finish what they began, or carry no call."""

from __future__ import annotations

import asyncio
from itertools import count
from typing import Any

import pytest

from harness.http2.wire import data, encoded, headers
from harness.rpc.pairs import a_server, server_options
from harness.rpc.raw import GET, JSON, WITHIN_S, RawEnd, a_client, call_fields
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import GOAWAY, PREFACE, settings_frame
from weir.runtime.rpc import server as server_module
from weir.runtime.rpc.messages import framed
from weir.runtime.rpc.metrics import BROKEN

ECHO = encoded(call_fields())


@pytest.mark.parametrize("first", [b"PRI * HTTP", PREFACE, b""], ids=["half a preface", "no settings", "nothing"])
async def test_a_connection_that_does_not_begin_is_closed(monkeypatch: pytest.MonkeyPatch, first: bytes) -> None:
    monkeypatch.setattr(server_module, "LOOK_S", 0.02)
    options = server_options(http2={"unfinished_s_max": 0.1})
    async with a_server("fast", options) as (_, _, port), a_client(port, first) as end:
        assert await end.is_closed()


@pytest.mark.parametrize("piece", [headers(3, ECHO, pieces=3)[:-9], data(1, bytes(100))[:50]], ids=["block", "frame"])
async def test_what_a_client_does_not_finish_ends_its_connection_although_it_calls(
    monkeypatch: pytest.MonkeyPatch, piece: bytes
) -> None:
    monkeypatch.setattr(server_module, "LOOK_S", 0.02)
    before = BROKEN.labels("ENHANCE_YOUR_CALM")._value.get()
    options = server_options(http2={"unfinished_s_max": 0.1})
    async with a_server("fast", options) as (_, handlers, port), a_client(port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/wait"))), data(1, framed(b"", 1)))
        async with asyncio.timeout(10):
            await handlers.waiting.wait()
        end.send(piece)

        assert (await end.until(GOAWAY)).payload[4:8] == ErrorCode.ENHANCE_YOUR_CALM.to_bytes(4)
        assert await end.is_closed()
        async with asyncio.timeout(WITHIN_S):
            while not handlers.ended:
                await asyncio.sleep(0.002)
    assert BROKEN.labels("ENHANCE_YOUR_CALM")._value.get() == before + 1


async def test_a_connection_without_calls_is_closed_and_one_with_a_call_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "LOOK_S", 0.02)
    async with (
        a_server("fast", server_options(idle_s=0.1)) as (_, handlers, port),
        a_client(port) as idle,
        a_client(port) as busy,
    ):
        busy.send(headers(1, encoded(call_fields(b"/test/held"))), data(1, framed(b"x", 1), is_end=True))

        assert await idle.is_closed()
        assert (await busy.answer())[0] == b"0"
        assert await busy.is_closed()
        assert handlers.waiting.is_set()


NO_WINDOW = settings_frame({frames.INITIAL_WINDOW_SIZE: 0})


@pytest.mark.parametrize(
    "frame_of",
    [
        lambda _: frames.frame(frames.PING, 0, 0, bytes(8)),
        lambda _: settings_frame({}),
        lambda stream_id: headers(stream_id, encoded(GET)),
        lambda stream_id: headers(stream_id, encoded(JSON), is_end=True),
        lambda stream_id: headers(stream_id, encoded(call_fields(b"/no/such"))),
    ],
    ids=["pings", "settings", "no calls", "no calls whose answer is not taken", "unknown methods"],
)
async def test_what_is_no_call_does_not_keep_a_connection(monkeypatch: pytest.MonkeyPatch, frame_of: Any) -> None:
    monkeypatch.setattr(server_module, "LOOK_S", 0.02)

    async def go_on(end: RawEnd) -> None:
        for number in count():
            end.send(frame_of(2 * number + 1))
            await asyncio.sleep(0.01)

    async with (
        a_server("fast", server_options(idle_s=0.2)) as (_, _, port),
        a_client(port, PREFACE, NO_WINDOW) as end,
        asyncio.TaskGroup() as tasks,
    ):
        sending = tasks.create_task(go_on(end))
        async with asyncio.timeout(WITHIN_S):
            assert await end.is_closed()
        sending.cancel()
