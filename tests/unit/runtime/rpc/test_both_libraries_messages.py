"""Messages come as they went, of any size, also compressed, and no larger than the bounds, in any pair of both libraries."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import grpc.aio
import pytest

from harness.rpc.calls import WITHIN_S, failure, messages
from harness.rpc.pairs import MESSAGE_BYTES_MAX, Pair, a_pair, a_server, channel_options, server_options
from weir.runtime.rpc.library import Library, channel_of

SIZES = (0, 1, 100, 16_378, 16_379, 16_384, 65_530, 65_536, 70_000, 1 << 20, MESSAGE_BYTES_MAX)
PATTERN = bytes(range(256)) * (MESSAGE_BYTES_MAX // 256)
S = grpc.StatusCode


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
