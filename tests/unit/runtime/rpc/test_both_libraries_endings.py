"""The end of a call before its time: deadlines, cancellations, sides that leave, in any pair of both libraries."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.rpc.calls import DEADLINE_S, WITHIN_S, failure, until_ended, until_waiting
from harness.rpc.pairs import Pair, a_pair
from weir.runtime.rpc.library import Library

S = grpc.StatusCode


async def test_a_deadline_ends_the_call_at_both_sides(pair: Pair) -> None:
    error = await failure(pair.unary("wait")(b"", timeout=DEADLINE_S))

    assert error.code() == S.DEADLINE_EXCEEDED
    await until_ended(pair)
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_a_deadline_of_a_stream_ends_it_after_what_came(pair: Pair) -> None:
    call = pair.streamed("wait_stream")(timeout=DEADLINE_S)
    await call.write(b"first")
    assert await call.read() == b"first"

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()

    assert caught.value.code() == S.DEADLINE_EXCEEDED
    await until_ended(pair)


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_a_deadline_that_has_passed_ends_the_call_at_once(pair: Pair, timeout_s: float) -> None:
    assert (await failure(pair.unary("wait")(b"", timeout=timeout_s))).code() == S.DEADLINE_EXCEEDED


async def test_a_client_that_cancels_ends_the_handler(pair: Pair) -> None:
    call = pair.unary("wait")(b"", timeout=WITHIN_S)
    await until_waiting(pair)

    assert call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    await until_ended(pair)
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_a_task_that_is_cancelled_cancels_its_call(pair: Pair) -> None:
    async def ask() -> None:
        await pair.unary("wait")(b"", timeout=WITHIN_S)

    asking = asyncio.create_task(ask())
    await until_waiting(pair)
    asking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asking
    await until_ended(pair)


async def test_a_stream_that_is_cancelled_ends_the_handler(pair: Pair) -> None:
    call = pair.streamed("wait_stream")(timeout=WITHIN_S)
    await call.write(b"first")
    assert await call.read() == b"first"
    await until_waiting(pair)

    assert call.cancel()

    await until_ended(pair)
    assert not call.cancel()
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_a_call_that_is_over_takes_no_more_messages_and_its_connection_goes_on(pair: Pair) -> None:
    over = pair.streamed("early")(timeout=WITHIN_S)
    await over.write(b"x")
    with pytest.raises(grpc.aio.AioRpcError):
        await over.read()
    cancelled = pair.streamed("wait_stream")(timeout=WITHIN_S)
    await cancelled.write(b"x")
    cancelled.cancel()

    for call in (over, cancelled):
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError, asyncio.CancelledError)):
            await call.write(b"y")

    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_a_server_that_has_heard_enough_ends_a_client_that_still_sends(library: Library) -> None:
    """Not of grpc.aio's client, which now and then says INTERNAL."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(50_000)
            await asyncio.sleep(0)

    async with a_pair((library, "fast")) as pair:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in pair.streamed("early")(endless(), timeout=WITHIN_S):
                pass

    assert (caught.value.code(), caught.value.details()) == (S.FAILED_PRECONDITION, "enough")


async def test_a_client_that_goes_away_ends_its_handlers(pair: Pair) -> None:
    calls = [pair.unary("wait")(b"", timeout=WITHIN_S) for _ in range(3)]
    waiting = [asyncio.ensure_future(failure_or_cancel(call)) for call in calls]
    await until_waiting(pair)

    await pair.channel.close()

    await asyncio.gather(*waiting)
    await until_ended(pair)


async def failure_or_cancel(call: Any) -> None:
    """The end of a call whose channel is closed: an error, or a cancellation."""
    try:
        await call
    except (grpc.aio.AioRpcError, asyncio.CancelledError):
        return
    raise AssertionError("the call was answered")
