"""Servers that our channel may meet: broken, going away, silent, and none of gRPC."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.http2.wire import data, headers
from harness.rpc.pairs import a_server, channel_options, server_options
from harness.rpc.raw import OK_BLOCK, OK_TRAILERS, WITHIN_S, RawEnd, a_server_of, begun
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import DATA, HEADERS, MAX_CONCURRENT_STREAMS, RST_STREAM, STREAM_ID_MAX
from weir.runtime.rpc import channel as channel_module
from weir.runtime.rpc.channel import Channel
from weir.runtime.rpc.messages import framed

S = grpc.StatusCode
ANSWER = framed(b"answer", 6)


@asynccontextmanager
async def a_channel(port: int) -> AsyncIterator[Channel]:
    """Our channel."""
    channel = Channel(f"127.0.0.1:{port}", channel_options(message_bytes_max=100_000))
    try:
        yield channel
    finally:
        await channel.close()


def call(channel: Channel, timeout_s: float = WITHIN_S) -> Any:
    """A call of some method."""
    return channel.unary_unary("/test/echo")(b"x", timeout=timeout_s)


async def code_of(waited: Any) -> grpc.StatusCode:
    """The code with which a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(WITHIN_S):
            await waited
    code: grpc.StatusCode = caught.value.code()
    return code


async def test_an_answer_beyond_the_bound_is_refused_and_its_server_told() -> None:
    told: list[int] = []

    async def script(end: RawEnd) -> None:
        await begun(end)
        await end.until(DATA)
        end.send(headers(1, OK_BLOCK), data(1, b"\0\xff\xff\xff\xff"))
        told.append((await end.until(RST_STREAM)).number)

    async with a_server_of(script) as port, a_channel(port) as channel:
        assert await code_of(call(channel)) == S.RESOURCE_EXHAUSTED
        async with asyncio.timeout(WITHIN_S):
            while not told:
                await asyncio.sleep(0.002)

    assert told == [ErrorCode.CANCEL]


@pytest.mark.parametrize(
    "first",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"\x15\x03\x01\x00\x02\x02\x46", frames.frame(frames.PING, 0, 0, bytes(8))],
    ids=["HTTP/1.1", "nothing", "TLS alert", "no settings"],
)  # fmt: skip
async def test_what_is_no_http2_server_is_unavailable(first: bytes) -> None:
    async def script(end: RawEnd) -> None:
        end.send(first)

    async with a_server_of(script) as port, a_channel(port) as channel:
        assert await code_of(call(channel)) == S.UNAVAILABLE
        assert channel.get_state() == grpc.ChannelConnectivity.TRANSIENT_FAILURE


async def test_a_server_that_says_nothing_is_left_and_its_connection_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel_module, "CONNECT_S", 0.1)
    closed: list[bool] = []

    async def script(end: RawEnd) -> None:
        async with asyncio.timeout(WITHIN_S):
            await end.reader.read()
        closed.append(True)

    async with a_server_of(script) as port, a_channel(port) as channel:
        assert await code_of(call(channel)) == S.UNAVAILABLE
        async with asyncio.timeout(WITHIN_S):
            while not closed:
                await asyncio.sleep(0.002)


async def test_a_channel_that_is_closed_while_it_connects_leaves_no_connection() -> None:
    closed: list[bool] = []

    async def script(end: RawEnd) -> None:
        async with asyncio.timeout(WITHIN_S):
            await end.reader.read()
        closed.append(True)

    async with a_server_of(script) as port:
        channel = Channel(f"127.0.0.1:{port}", channel_options())
        waiting = asyncio.ensure_future(code_of(call(channel)))
        await asyncio.sleep(0.05)

        await channel.close()

        assert await waiting == S.UNAVAILABLE
        assert await code_of(call(channel)) == S.UNAVAILABLE
        async with asyncio.timeout(WITHIN_S):
            while not closed:
                await asyncio.sleep(0.002)


async def test_a_server_that_goes_away_at_once_is_not_asked_again_and_again() -> None:
    connections: list[RawEnd] = []

    async def script(end: RawEnd) -> None:
        connections.append(end)
        await begun(end)
        end.send(frames.goaway(0, ErrorCode.NO_ERROR))
        await end.is_closed()

    async with a_server_of(script) as port, a_channel(port) as channel:
        for _ in range(50):
            assert await code_of(call(channel, 1.0)) == S.UNAVAILABLE

    assert len(connections) < 5


async def test_a_pause_between_tries_doubles_up_to_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    async with a_server("fast", server_options()) as (_, _, port):
        pass
    async with a_channel(port) as channel:
        pauses = []
        for _ in range(4):
            assert await code_of(call(channel)) == S.UNAVAILABLE
            pauses.append(channel._pause_s)
            assert await code_of(call(channel)) == S.UNAVAILABLE  # at once: the pause is not over
            monkeypatch.setattr(channel, "_failed_until_s", 0.0)

    assert pauses == [0.2, 0.2, 0.2, 0.2]
    assert channel.get_state() == grpc.ChannelConnectivity.SHUTDOWN


async def test_a_call_in_flight_ends_on_a_server_that_goes_away_and_the_next_one_is_asked_anew() -> None:
    connections: list[RawEnd] = []

    async def script(end: RawEnd) -> None:
        connections.append(end)
        await begun(end)
        await end.until(DATA)
        if len(connections) == 1:
            end.send(frames.goaway(1, ErrorCode.NO_ERROR))
            await asyncio.sleep(0.1)
        end.send(headers(1, OK_BLOCK), data(1, ANSWER), headers(1, OK_TRAILERS, is_end=True))
        await end.is_closed()

    async with a_server_of(script) as port, a_channel(port) as channel:
        first = call(channel)
        async with asyncio.timeout(WITHIN_S):
            while channel._connection is None or not channel._connection.end.is_going:
                await asyncio.sleep(0)
                if connections and channel._connection is None and channel._connecting is None:
                    break
        assert await call(channel) == b"answer"
        assert await first == b"answer"

    assert len(connections) == 2


async def test_a_call_whose_connection_is_lost_is_unavailable_and_is_not_sent_twice() -> None:
    asked = 0

    async def script(end: RawEnd) -> None:
        nonlocal asked
        await begun(end)
        await end.until(DATA)
        asked += 1
        if asked > 1:
            end.send(headers(1, OK_BLOCK), data(1, ANSWER), headers(1, OK_TRAILERS, is_end=True))
            await end.is_closed()

    async with a_server_of(script) as port, a_channel(port) as channel:
        assert await code_of(call(channel)) == S.UNAVAILABLE
        assert asked == 1
        assert await call(channel) == b"answer"


async def test_a_stream_keeps_what_came_before_its_connection_was_lost() -> None:
    async def script(end: RawEnd) -> None:
        await begun(end)
        await end.until(HEADERS)
        end.send(headers(1, OK_BLOCK), data(1, ANSWER))

    async with a_server_of(script) as port, a_channel(port) as channel:
        stream = channel.stream_stream("/test/stream")(timeout=WITHIN_S)

        assert await stream.read() == b"answer"
        assert await code_of(stream.read()) == S.UNAVAILABLE


async def test_a_server_that_takes_no_stream_holds_calls_until_their_deadline() -> None:
    async def script(end: RawEnd) -> None:
        await begun(end, {MAX_CONCURRENT_STREAMS: 0})
        await end.is_closed()

    async with a_server_of(script) as port, a_channel(port) as channel:
        assert await code_of(call(channel, 0.2)) == S.DEADLINE_EXCEEDED
        assert not channel._waiting, "a call that is over waits with its body"


async def test_the_last_stream_of_a_connection_is_followed_by_another_connection() -> None:
    async with a_server("fast", server_options()) as (server, _, port), a_channel(port) as channel:
        assert await call(channel) == b"x"
        assert channel._connection is not None
        channel._connection.end._next_id = STREAM_ID_MAX

        assert await call(channel) == b"x"
        assert await call(channel) == b"x"

        async with asyncio.timeout(WITHIN_S):
            while len(server.connections) > 1:
                await asyncio.sleep(0.002)


async def test_a_client_that_takes_little_lets_the_server_send_little() -> None:
    windows: list[int] = []

    async def script(end: RawEnd) -> None:
        await begun(end)
        await end.until(HEADERS)
        end.send(headers(1, OK_BLOCK), *[data(1, framed(bytes(16_000), 16_000))] * 4)
        while (one := await end.frame()) is not None:
            if one.kind == frames.WINDOW_UPDATE and one.stream_id == 1:
                windows.append(one.number)

    async with a_server_of(script) as port, a_channel(port) as channel:
        stream = channel.stream_stream("/test/stream")(timeout=WITHIN_S)
        assert len(await stream.read()) == 16_000
        await asyncio.sleep(0.1)
        assert sum(windows) <= 16_384
        for _ in range(3):
            assert len(await stream.read()) == 16_000
        async with asyncio.timeout(WITHIN_S):
            while sum(windows) < 32_000:
                await asyncio.sleep(0.002)
        stream.cancel()
