"""What reaches our server that no gRPC library would send, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.http2.wire import data, encoded, headers
from harness.rpc.pairs import HEADER_BYTES_MAX, Handlers, a_server, server_options
from harness.rpc.raw import GET, JSON, WITHIN_S, RawEnd, a_client, call_fields
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.frames import GOAWAY, PREFACE, RST_STREAM, settings_frame
from weir.runtime.rpc import server_call as server_call_module
from weir.runtime.rpc.messages import PREFIX, framed
from weir.runtime.rpc.metrics import REFUSED

ECHO = encoded(call_fields())


@dataclass
class Serving:
    """Our server."""

    server: Any
    handlers: Handlers
    port: int

    async def until(self, is_so: Any) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WITHIN_S):
            while not is_so():
                await asyncio.sleep(0.002)


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    async with a_server(
        "fast", server_options(message_bytes_max=100_000, http2={"unread_bytes_max": 100_000})
    ) as parts:
        yield Serving(*parts)


async def alive(end: RawEnd, stream_id: int = 101) -> bool:
    """Whether the connection serves on."""
    end.send(headers(stream_id, ECHO), data(stream_id, framed(b"x", 1), is_end=True))
    return (await end.answer())[0] == b"0"


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        bytes.fromhex("1603010200010000"),
        b"\0" * 100,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\r",
        b"\n",
    ],
    ids=["HTTP/1.1", "TLS", "zeros", "almost a preface", "a line"],
)
async def test_what_is_no_http2_is_told_so_and_closed(serving: Serving, first: bytes) -> None:
    async with a_client(serving.port, first) as end:
        said = await end.until(GOAWAY)

        assert said.payload[4:8] == ErrorCode.PROTOCOL_ERROR.to_bytes(4)
        assert await end.is_closed()
    await serving.until(lambda: not serving.server.connections)


@pytest.mark.parametrize("fields", [GET, JSON])
@pytest.mark.parametrize("is_end", [True, False])
async def test_a_request_that_is_no_call_is_answered_in_the_words_of_http(
    serving: Serving, fields: Any, is_end: bool
) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(fields), is_end=is_end))
        if not is_end:
            end.send(data(1, b"{}"))

        assert await end.headers() == {b":status": b"415", b"content-type": b"text/plain"}
        body = await end.until(frames.DATA)
        assert b"gRPC" in body.payload
        assert body.is_end
        assert await alive(end)


@pytest.mark.parametrize("fields", [GET, JSON])
async def test_a_request_that_is_no_call_and_sends_no_body_is_answered_and_ended(serving: Serving, fields: Any) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(fields)))

        assert await end.headers() == {b":status": b"415", b"content-type": b"text/plain"}
        assert (await end.until(RST_STREAM)).number == ErrorCode.NO_ERROR
        (connection,) = serving.server.connections
        assert not connection.end.streams


async def test_another_method_is_answered_405(serving: Serving) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded([(b":method", b"PUT"), *call_fields()[1:]]), is_end=True))

        assert (await end.headers())[b":status"] == b"405"


@pytest.mark.parametrize(
    ("more", "body", "code"),
    [
        ([(b"grpc-timeout", b"1n")], framed(b"", 1), b"4"),
        ([(b"grpc-timeout", b"99999999H")], framed(b"x", 1), b"0"),
        ([(b"grpc-timeout", b"1")], framed(b"x", 1), b"13"),
        ([(b"grpc-encoding", b"snappy")], framed(b"x", 1), b"12"),
        ([], PREFIX.pack(1, 1) + b"x", b"13"),
        ([(b"grpc-encoding", b"gzip")], PREFIX.pack(1, 3) + b"abc", b"13"),
        ([], PREFIX.pack(0, 10) + b"cut", b"13"),
        ([], b"\0\0", b"13"),
        ([], b"", b"13"),
        ([], PREFIX.pack(0, 100_001), b"8"),
    ],
    ids=[
        "1n",
        "99999999H",
        "bad timeout",
        "bad encoding",
        "compressed without",
        "bad gzip",
        "cut",
        "cut prefix",
        "none",
        "large",
    ],
)
async def test_an_odd_call_ends_with_its_status(serving: Serving, more: Any, body: bytes, code: bytes) -> None:
    path = b"/test/wait" if code == b"4" else b"/test/echo"
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(call_fields(path, *more))), data(1, body, is_end=True))

        assert (await end.answer())[0] == code
        assert await alive(end)
    await serving.until(lambda: not serving.server.tasks)


async def test_a_message_beyond_the_bound_is_refused_before_it_comes(serving: Serving) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, ECHO), data(1, PREFIX.pack(0, 2**32 - 1) + b"the first of 4 GiB"))

        assert (await end.answer())[0] == b"8"


async def test_a_stranger_sends_no_message_larger_than_what_any_stream_may_send() -> None:
    fits, beyond = framed(bytes(65_530), 65_530), framed(bytes(65_531), 65_531)
    options = server_options(open_methods=frozenset(["/test/slow"]))
    async with a_server("fast", options) as (_, _, port), a_client(port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/slow"))), data(1, beyond[:10]))
        assert (await end.answer())[0] == b"8"

        pieces = [data(3, fits[at : at + 16_384]) for at in range(0, len(fits), 16_384)]
        end.send(headers(3, encoded(call_fields(b"/test/slow"))), *pieces, data(3, b"", is_end=True))
        assert (await end.answer())[0] == b"0"


@pytest.mark.parametrize("size", [0, 10, 16_000])
async def test_a_caller_whom_nobody_reads_sends_no_more_than_a_window(serving: Serving, size: int) -> None:
    """A message without bytes counts too: it takes memory."""
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/wait"))))
        together = framed(bytes(size), size) * (16_384 // (size + 5))
        end.send(*[data(1, together)] * 5)

        while (one := await end.frame()) is not None and one.kind != RST_STREAM:
            assert one.stream_id == 0 or one.number <= size + 5, "a window for what nobody reads"
        assert one is not None
        assert one.number == ErrorCode.FLOW_CONTROL_ERROR
        assert await alive(end)


async def test_trailers_of_a_request_are_its_end(serving: Serving) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, ECHO), data(1, framed(b"x", 1)), headers(1, encoded([(b"t", b"1")]), is_end=True))

        assert (await end.answer())[0] == b"0"


async def test_a_client_that_reads_nothing_holds_its_handlers_and_no_memory(serving: Serving) -> None:
    wide = settings_frame({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + frames.window_update(0, 2**30)
    async with a_client(serving.port, PREFACE, wide, receive_bytes=20_000) as end:
        for stream_id in (1, 3, 5):
            body = data(stream_id, framed(b"50000", 5), is_end=True)
            end.send(headers(stream_id, encoded(call_fields(b"/test/flood"))), body)
        await serving.until(lambda: serving.handlers.written > 3)
        written = -1
        while written != serving.handlers.written:
            written = serving.handlers.written
            await asyncio.sleep(0.1)

        (connection,) = serving.server.connections
        kept = connection._transport.get_write_buffer_size() + sum(
            stream.unsent_bytes for stream in connection.end.streams.values()
        )
        assert kept < 100_000 * 2 + 3 * 50_005 + 16_384
    await serving.until(lambda: not serving.server.connections)
    assert serving.handlers.ended == ["cancelled"] * 3
    assert not serving.server.tasks


async def test_a_deadline_frees_what_a_client_does_not_take(serving: Serving) -> None:
    async with a_client(serving.port, PREFACE, settings_frame({frames.INITIAL_WINDOW_SIZE: 10})) as end:
        fields = call_fields(b"/test/grow", (b"grpc-timeout", b"200m"))
        end.send(headers(1, encoded(fields)), data(1, framed(b"80000", 5), is_end=True))

        assert (await end.until(RST_STREAM)).number == ErrorCode.CANCEL
        (connection,) = serving.server.connections
        assert not connection.end.streams
    await serving.until(lambda: not serving.server.tasks)


async def test_handlers_of_a_client_that_breaks_the_rules_end_at_once(serving: Serving) -> None:
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/wait"))), data(1, framed(b"", 1)))
        await serving.until(serving.handlers.waiting.is_set)

        end.send(headers(2, ECHO))

        assert (await end.until(GOAWAY)).payload[4:8] == ErrorCode.PROTOCOL_ERROR.to_bytes(4)
        await serving.until(lambda: serving.handlers.ended == ["cancelled"])
        assert await end.is_closed()


async def test_handlers_of_a_client_that_breaks_the_rules_and_reads_nothing_end_too(serving: Serving) -> None:
    """Its connection would be closed once it has taken what waits for it, and that may be never."""
    wide = settings_frame({frames.INITIAL_WINDOW_SIZE: 2**31 - 1}) + frames.window_update(0, 2**30)
    async with a_client(serving.port, PREFACE, wide, receive_bytes=20_000) as end:
        end.send(headers(1, encoded(call_fields(b"/test/flood"))), data(1, framed(b"50000", 5), is_end=True))
        await serving.until(lambda: serving.server.connections and is_held(serving))

        end.send(headers(2, ECHO))

        await serving.until(lambda: serving.handlers.ended == ["cancelled"])
        await serving.until(lambda: not serving.server.connections)


def is_held(serving: Serving) -> bool:
    """Whether the only connection's socket takes nothing more."""
    (connection,) = serving.server.connections
    return bool(connection.end.outlet.is_paused)


async def test_what_is_compressed_waits_as_it_came(serving: Serving) -> None:
    """A window of bombs is as large as the window until somebody reads it."""
    packed = gzip.compress(bytes(90_000))
    bomb = PREFIX.pack(1, len(packed)) + packed
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/wait", (b"grpc-encoding", b"gzip")))), data(1, bomb * 50))
        await serving.until(serving.handlers.waiting.is_set)

        (connection,) = serving.server.connections
        messages = connection.end.streams[1].receiver._messages
        assert len(messages) == 49
        assert sum(map(len, messages)) < 49 * 200


async def test_a_stream_of_many_messages_leaves_turns_to_others(serving: Serving) -> None:
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with a_client(serving.port) as end:
        body = framed(b"", 1) * 3_000
        end.send(headers(1, encoded(call_fields(b"/test/sum"))))
        others = asyncio.create_task(take_turns())
        end.send(data(1, body), data(1, body), data(1, body, is_end=True))

        assert (await end.answer())[0] == b"0"
        others.cancel()
    assert turns > 9_000 / 16


@pytest.mark.parametrize("first", [PREFIX.pack(0, 100_000), PREFIX.pack(0, 100_000)[:3]], ids=["prefix", "half of it"])
async def test_a_refusal_that_waits_grants_no_window_and_keeps_no_byte(
    serving: Serving, monkeypatch: pytest.MonkeyPatch, first: bytes
) -> None:
    monkeypatch.setattr(server_call_module, "HEARD_S", 10)
    async with a_client(serving.port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/refuse"))))
        await serving.until(lambda: serving.server.refusals_waiting)
        (connection,) = serving.server.connections
        call = connection.end.streams[1].receiver
        end.send(data(1, first), data(1, bytes(16_384)), data(1, bytes(16_384)))

        while (one := await end.frame()) is not None and one.kind != frames.HEADERS:
            assert one.kind != frames.WINDOW_UPDATE or one.stream_id == 0, "a window for what nobody reads"
        assert call._reader.partial_bytes == 0
        assert await alive(end)


async def test_refusals_that_wait_take_no_place_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_call_module, "HEARD_S", 10)
    async with a_server("fast", server_options(calls_max=1)) as (server, _, port), a_client(port) as end:
        for number in range(10):
            end.send(headers(2 * number + 1, encoded(call_fields(b"/test/refuse"))))
            async with asyncio.timeout(10):
                while server.refusals_waiting <= number:
                    await asyncio.sleep(0.002)

        assert await alive(end)


@pytest.mark.parametrize(("limit", "length"), [("calls", 1), ("header_bytes", HEADER_BYTES_MAX)])
async def test_a_call_that_a_limit_refuses_is_counted(limit: str, length: int) -> None:
    before = REFUSED.labels(limit)._value.get()
    async with a_server("fast", server_options(calls_max=0)) as (_, _, port), a_client(port) as end:
        end.send(headers(1, encoded(call_fields(b"/test/echo", (b"x", b"v" * length))), pieces=3))

        assert (await end.answer())[0] == b"8"
    assert REFUSED.labels(limit)._value.get() == before + 1


async def test_what_an_aborted_call_did_not_send_is_dropped(serving: Serving) -> None:
    async with a_client(serving.port, PREFACE, settings_frame({frames.INITIAL_WINDOW_SIZE: 10})) as end:
        end.send(headers(1, encoded(call_fields(b"/test/grow"))), data(1, framed(b"80000", 5), is_end=True))
        await serving.until(lambda: serving.server.connections)
        (connection,) = serving.server.connections
        await serving.until(lambda: 1 in connection.end.streams and connection.end.streams[1].unsent_bytes)
        call = connection.end.streams[1].receiver

        call.end(1, "cut")

        assert (await end.answer()) == (b"1", b"cut")
        await serving.until(lambda: not connection.end.streams)
