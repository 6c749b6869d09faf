"""One suite for both libraries: our server and channel do what grpc.aio's do, in any pair."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.rpc.pairs import (
    CODES,
    DETAILS,
    HEADER_BYTES_MAX,
    MESSAGE_BYTES_MAX,
    TRAILING,
    Pair,
    a_pair,
    a_server,
    channel_options,
    server_options,
)  # fmt: skip
from weir.runtime.rpc.library import Library, channel_of

WITHIN_S = 10.0
DEADLINE_S = 0.4
"""A deadline that passes while a handler works: time enough for it to begin on a busy machine."""

SIZES = (0, 1, 100, 16_378, 16_379, 16_384, 65_530, 65_536, 70_000, 1 << 20, MESSAGE_BYTES_MAX)
PATTERN = bytes(range(256)) * (MESSAGE_BYTES_MAX // 256)
S = grpc.StatusCode


async def failure(call: Any) -> grpc.aio.AioRpcError:
    """How a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(WITHIN_S):
            await call
    return caught.value


def by_name(metadata: Iterable[Any]) -> list[Any]:
    """Metadata by its names: gRPC keeps the order of values of one name only."""
    return sorted(((name, value) for name, value in metadata), key=lambda one: one[0])


async def messages(*sent: bytes) -> AsyncIterator[bytes]:
    """These messages."""
    for one in sent:
        yield one


async def until_waiting(pair: Pair) -> None:
    """Wait until the handler waits."""
    async with asyncio.timeout(WITHIN_S):
        await pair.handlers.waiting.wait()


async def until_ended(pair: Pair) -> None:
    """Wait until the handler is told."""
    async with asyncio.timeout(WITHIN_S):
        while not pair.handlers.ended:
            await asyncio.sleep(0.002)


# Messages


async def test_messages_of_any_size_come_back_as_they_went(pair: Pair) -> None:
    for size in SIZES:
        assert await pair.unary("echo")(PATTERN[:size], timeout=WITHIN_S) == PATTERN[:size]


async def test_calls_beside_each_other_keep_their_messages(pair: Pair) -> None:
    sent = [b"%d" % number * (1 + number * 97 % 4_000) for number in range(100)]

    got = await asyncio.gather(*[pair.unary("echo")(one, timeout=WITHIN_S) for one in sent])

    assert list(got) == sent


async def test_a_stream_keeps_its_messages_in_order(pair: Pair) -> None:
    sent = [PATTERN[: size % 5_000 + number] for number, size in enumerate(range(0, 50_000, 777))]

    got = [one async for one in pair.streamed("stream")(messages(*sent), timeout=WITHIN_S)]

    assert got == sent


async def test_large_messages_of_a_stream_come_whole(pair: Pair) -> None:
    sent = [PATTERN[:size] for size in SIZES]

    assert [one async for one in pair.streamed("stream")(messages(*sent), timeout=WITHIN_S)] == sent


async def test_a_conversation_goes_back_and_forth_and_ends_when_the_client_has_said_all(pair: Pair) -> None:
    call = pair.streamed("stream")(timeout=WITHIN_S)
    for number in range(20):
        await call.write(b"%d" % number)
        assert await call.read() == b"%d" % number

    await call.done_writing()

    assert await call.read() is grpc.aio.EOF
    assert await call.code() == S.OK


async def test_one_message_and_many(pair: Pair) -> None:
    assert [one async for one in pair.streamed("count")(messages(b"30"), timeout=WITHIN_S)] == [
        b"%d" % n for n in range(30)
    ]
    assert [one async for one in pair.streamed("count")(messages(b"0"), timeout=WITHIN_S)] == []
    assert [one async for one in pair.streamed("sum")(messages(b"a", b"b" * 70_000, b""), timeout=WITHIN_S)] == [
        b"a" + b"b" * 70_000
    ]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("library", ["fast", "reference"])
async def test_a_compressed_message_is_read(library: Library, compression: grpc.Compression) -> None:
    async with (
        a_server(library, server_options()) as (_, _, port),
        grpc.aio.insecure_channel(
            f"127.0.0.1:{port}",
            compression=compression,
            options=[("grpc.max_receive_message_length", MESSAGE_BYTES_MAX)],
        ) as channel,
    ):
        for size in (0, 1, 100_000, MESSAGE_BYTES_MAX):
            got = await channel.unary_unary("/test/echo")(PATTERN[:size], timeout=WITHIN_S)
            assert got == PATTERN[:size]


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
@pytest.mark.parametrize("library", ["fast", "reference"])
async def test_a_compressed_answer_is_read(library: Library, compression: grpc.Compression) -> None:
    async def grow(message: bytes, _: Any) -> bytes:
        return (PATTERN * 2)[: int(message)]

    server = grpc.aio.server(compression=compression)
    handler = grpc.method_handlers_generic_handler("test", {"grow": grpc.unary_unary_rpc_method_handler(grow)})
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = channel_of(library, f"127.0.0.1:{port}", channel_options())
    try:
        for size in (0, 1, 100_000, MESSAGE_BYTES_MAX):
            assert await channel.unary_unary("/test/grow")(b"%d" % size, timeout=WITHIN_S) == PATTERN[:size]
        error = await failure(channel.unary_unary("/test/grow")(b"%d" % (MESSAGE_BYTES_MAX + 1), timeout=WITHIN_S))
        assert error.code() == S.RESOURCE_EXHAUSTED
    finally:
        await channel.close()
        await server.stop(None)


async def test_a_request_beyond_the_bound_is_refused_and_the_connection_goes_on(pair: Pair) -> None:
    error = await failure(pair.unary("echo")(bytes(MESSAGE_BYTES_MAX + 1), timeout=WITHIN_S))

    assert error.code() == S.RESOURCE_EXHAUSTED
    assert "larger than max" in str(error.details())
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_an_answer_beyond_the_clients_bound_is_refused(libraries: tuple[Library, Library]) -> None:
    async with a_pair(libraries, channel=channel_options(message_bytes_max=1_000)) as pair:
        assert len(await pair.unary("grow")(b"1000", timeout=WITHIN_S)) == 1_000
        assert (await failure(pair.unary("grow")(b"1001", timeout=WITHIN_S))).code() == S.RESOURCE_EXHAUSTED
        assert (await failure(pair.unary("grow")(b"200000", timeout=WITHIN_S))).code() == S.RESOURCE_EXHAUSTED
        assert len(await pair.unary("grow")(b"1000", timeout=WITHIN_S)) == 1_000


async def test_a_message_beyond_what_is_sent_at_most_is_refused_where_it_is_made(
    libraries: tuple[Library, Library],
) -> None:
    async with a_pair(
        libraries, server=server_options(answer_bytes_max=1_000), channel=channel_options(request_bytes_max=1_000)
    ) as pair:
        assert len(await pair.unary("echo")(bytes(1_000), timeout=WITHIN_S)) == 1_000
        assert (await failure(pair.unary("echo")(bytes(1_001), timeout=WITHIN_S))).code() == S.RESOURCE_EXHAUSTED
        assert len(await pair.unary("grow")(b"1000", timeout=WITHIN_S)) == 1_000
        assert (await failure(pair.unary("grow")(b"1001", timeout=WITHIN_S))).code() == S.RESOURCE_EXHAUSTED


# What a call says beside its messages


async def test_metadata_comes_as_it_went(pair: Pair) -> None:
    sent = (
        ("a", "1"),
        ("x-bytes-bin", bytes(range(256))),
        ("a", "2"),
        ("empty", ""),
        ("x-none-bin", b""),
        ("percent", "100%25 ~"),
    )

    peer = await pair.unary("note")(b"", timeout=WITHIN_S, metadata=sent)

    (came, time_left_s) = pair.handlers.metadata[0]
    assert by_name(one for one in came if one[0] != "user-agent") == by_name(sent)
    assert WITHIN_S - 5 < time_left_s < WITHIN_S + 1
    assert peer.startswith(b"ipv4:127.0.0.1:")


async def test_a_call_without_a_deadline_has_none(pair: Pair) -> None:
    await pair.unary("note")(b"")

    assert pair.handlers.metadata[0][1] is None


@pytest.mark.parametrize("code", [code for code in CODES if code])
async def test_a_status_comes_with_its_text_and_metadata(pair: Pair, code: int) -> None:
    error = await failure(pair.unary("fail")(b"%d" % code, timeout=WITHIN_S))

    assert (error.code(), error.details()) == (CODES[code], DETAILS)
    assert by_name(error.trailing_metadata()) == by_name(TRAILING)


async def test_a_stream_says_its_status_and_trailers(pair: Pair) -> None:
    call = pair.streamed("fail")(messages(b"5"), timeout=WITHIN_S)

    with pytest.raises(grpc.aio.AioRpcError):
        await call.read()

    assert (await call.code(), await call.details()) == (S.NOT_FOUND, DETAILS)
    assert by_name(await call.trailing_metadata()) == by_name(TRAILING)


async def test_a_handler_that_fails_ends_its_call_alone(pair: Pair) -> None:
    error = await failure(pair.unary("crash")(b"", timeout=WITHIN_S))

    assert error.code() == S.UNKNOWN
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


@pytest.mark.parametrize("path", ["/test/nothing", "/other/echo", "/test", "/"])
async def test_a_method_that_nobody_knows_is_unimplemented(pair: Pair, path: str) -> None:
    error = await failure(pair.channel.unary_unary(path)(b"", timeout=WITHIN_S))

    assert (error.code(), error.details()) == (S.UNIMPLEMENTED, "Method not found!")


async def test_metadata_up_to_the_bound_is_taken_and_beyond_it_refused(pair: Pair) -> None:
    fits, beyond = (("x", "v" * (HEADER_BYTES_MAX - 1_000)),), (("x", "v" * (2 * HEADER_BYTES_MAX)),)

    assert await pair.unary("echo")(b"", timeout=WITHIN_S, metadata=fits) == b""
    error = await failure(pair.unary("echo")(b"", timeout=WITHIN_S, metadata=beyond))

    assert error.code() == S.RESOURCE_EXHAUSTED
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


async def test_trailers_beyond_the_bound_are_refused(pair: Pair) -> None:
    assert await pair.unary("trail")(b"%d" % (HEADER_BYTES_MAX - 1_000), timeout=WITHIN_S) == b""
    error = await failure(pair.unary("trail")(b"%d" % (HEADER_BYTES_MAX + 1_000), timeout=WITHIN_S))

    assert error.code() == S.RESOURCE_EXHAUSTED
    assert await pair.unary("echo")(b"next", timeout=WITHIN_S) == b"next"


# The end of a call before its time


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


# Servers that stop, and bounds


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
