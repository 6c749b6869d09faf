"""Servers that stop or are not there, and what they take at once, in any pair of both libraries."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio

from harness.rpc.calls import DEADLINE_S, WITHIN_S, failure, messages, until_ended, until_waiting
from harness.rpc.pairs import Pair, a_pair, a_server, channel_options, server_options
from weir.runtime.rpc.library import Library, channel_of

S = grpc.StatusCode


async def test_a_server_that_stops_lets_calls_in_flight_end(pair: Pair) -> None:
    call = asyncio.ensure_future(pair.unary("held")(b"kept", timeout=WITHIN_S))
    await until_waiting(pair)

    await pair.server.stop(5)

    assert await call == b"kept"


async def test_a_server_that_stops_at_once_ends_calls_in_flight(pair: Pair) -> None:
    call = asyncio.ensure_future(failure(pair.unary("wait")(b"", timeout=WITHIN_S)))
    await until_waiting(pair)

    await pair.server.stop(None)

    assert (await call).code() in (S.UNAVAILABLE, S.CANCELLED)
    await until_ended(pair)


async def test_a_grace_that_passes_ends_what_is_left(pair: Pair) -> None:
    call = asyncio.ensure_future(failure(pair.unary("wait")(b"", timeout=WITHIN_S)))
    await until_waiting(pair)

    await pair.server.stop(0.1)

    assert (await call).code() in (S.UNAVAILABLE, S.CANCELLED)


async def test_nobody_there_is_unavailable_and_a_server_that_comes_back_is_found(
    libraries: tuple[Library, Library],
) -> None:
    async with a_server(libraries[0], server_options()) as (_, _, port):
        pass
    channel = channel_of(libraries[1], f"127.0.0.1:{port}", channel_options())
    try:
        for _ in range(3):
            assert (await failure(channel.unary_unary("/test/echo")(b"", timeout=WITHIN_S))).code() == S.UNAVAILABLE
        for _ in range(2):
            async with a_server(libraries[0], server_options(), port):
                async with asyncio.timeout(WITHIN_S):
                    while await answer_or_none(channel) is None:
                        await asyncio.sleep(0.02)
            assert await answer_or_none(channel) is None
    finally:
        await channel.close()


async def answer_or_none(channel: Any) -> bytes | None:
    """The answer to a call; None where nobody is there."""
    try:
        return bytes(await channel.unary_unary("/test/echo")(b"x", timeout=WITHIN_S))
    except grpc.aio.AioRpcError as error:
        if error.code() != S.UNAVAILABLE:
            raise
        return None


async def test_more_calls_than_the_servers_limit_of_streams_wait_in_turn(library: Library) -> None:
    """Not of grpc.aio's server: it refuses streams that come before its client has its limit."""
    async with a_pair(("fast", library), server=server_options(http2={"streams_max": 3})) as pair:
        sent = [b"%d" % number for number in range(30)]

        got = await asyncio.gather(*[pair.unary("slow")(one, timeout=WITHIN_S) for one in sent])

    assert list(got) == sent


async def test_a_call_that_waits_for_a_stream_has_its_deadline(libraries: tuple[Library, Library]) -> None:
    async with a_pair(libraries, server=server_options(http2={"streams_max": 1})) as pair:
        await pair.unary("echo")(b"", timeout=WITHIN_S)
        first = pair.unary("wait")(b"", timeout=WITHIN_S)
        await until_waiting(pair)

        assert (await failure(pair.unary("echo")(b"", timeout=0.1))).code() == S.DEADLINE_EXCEEDED
        first.cancel()

        assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_a_stream_that_is_given_up_makes_room_for_the_call_that_waits(libraries: tuple[Library, Library]) -> None:
    async with a_pair(libraries, server=server_options(http2={"streams_max": 1})) as pair:
        await pair.unary("echo")(b"", timeout=WITHIN_S)
        first = asyncio.ensure_future(failure(pair.unary("wait")(b"", timeout=DEADLINE_S)))
        await until_waiting(pair)

        assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"
        assert (await first).code() == S.DEADLINE_EXCEEDED


async def test_one_call_more_than_the_server_takes_is_refused(libraries: tuple[Library, Library]) -> None:
    async with a_pair(libraries, server=server_options(calls_max=2)) as pair:
        calls = [pair.unary("wait")(b"", timeout=WITHIN_S) for _ in range(2)]
        await until_waiting(pair)
        async with asyncio.timeout(WITHIN_S):
            while (error := await failure(pair.unary("wait")(b"", timeout=0.3))).code() != S.RESOURCE_EXHAUSTED:
                await asyncio.sleep(0)

        assert error.details() == "Concurrent RPC limit exceeded!"
        for call in calls:
            call.cancel()


async def test_a_client_that_does_not_read_holds_the_handler_and_nothing_grows(library: Library) -> None:
    """Not of grpc.aio's client, whose own buffer takes 16 MB."""
    async with a_pair((library, "fast")) as pair:
        call = pair.streamed("flood")(messages(b"100000"), timeout=60)
        assert len(await call.read()) == 100_000
        await until_still(pair)

        assert pair.handlers.written * 100_000 < 1_000_000
        written = pair.handlers.written
        for _ in range(written + 20):
            assert len(await call.read()) == 100_000
        assert pair.handlers.written > written
        call.cancel()
        await until_ended(pair)


async def until_still(pair: Pair) -> None:
    """Wait until the handler writes no more: until nothing was written in a tenth of a second."""
    async with asyncio.timeout(WITHIN_S):
        before = -1
        while before != pair.handlers.written:
            before = pair.handlers.written
            await asyncio.sleep(0.1)
