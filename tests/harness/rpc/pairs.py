"""Handlers of gRPC that both libraries serve, and a server with a channel to it, each of either library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio

from weir.runtime.http2.limits import Http2Limits
from weir.runtime.rpc.channel import ChannelOptions
from weir.runtime.rpc.library import Library, bind, channel_of, server_of
from weir.runtime.rpc.server import ServerOptions
from weir.runtime.tls.certificates import Certificates

MESSAGE_BYTES_MAX = 8_388_608
"""Largest message either way. Specified: the gateway's own bound has this size."""

HEADER_BYTES_MAX = 16_384
"""Largest headers of a call. Specified: the gateway's."""

TRAILING = (("x-text", "b"), ("x-bytes-bin", b"\x00\xff"), ("x-text", "c"))
DETAILS = "nicht da: ü% \n\t\x7f 漢字"


@dataclass
class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc has no types
    """One method for each thing that a handler may do."""

    ended: list[str] = field(default_factory=list)
    """How handlers that waited were ended."""
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a handler waits."""
    written: int = 0
    """Messages that `flood` has written."""
    metadata: list[Any] = field(default_factory=list)

    def service(self, details: Any) -> Any:
        """The handler of a method."""
        handler = getattr(self, details.method.rpartition("/")[2], None)
        kinds = {"stream": "stream_stream", "sum": "stream_unary", "count": "unary_stream", "flood": "unary_stream",
                 "early": "stream_stream", "refuse": "stream_stream", "wait_stream": "stream_stream"}  # fmt: skip
        kind = kinds.get(details.method.rpartition("/")[2], "unary_unary")
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(handler) if details.method.startswith("/test/") and handler is not None else None

    async def echo(self, message: bytes, _: Any) -> bytes:
        """The message."""
        return message

    async def note(self, message: bytes, context: Any) -> bytes:
        """What the call said beside its message."""
        self.metadata.append(
            (tuple((key, value) for key, value in context.invocation_metadata()), context.time_remaining())
        )
        await context.send_initial_metadata((("x-first", "1"),))
        context.set_trailing_metadata(TRAILING)
        return str(context.peer()).encode()

    async def fail(self, message: bytes, context: Any) -> bytes:
        """Ends with a status that the message names."""
        await context.abort(CODES[int(message)], DETAILS, TRAILING)
        raise AssertionError("abort raises")

    async def crash(self, message: bytes, _: Any) -> bytes:
        """Fails."""
        raise KeyError("no such thing")

    async def wait(self, _: bytes, __: Any) -> bytes:
        """Waits until somebody ends it."""
        return await self._waited(b"")

    async def slow(self, message: bytes, _: Any) -> bytes:
        """Takes some milliseconds."""
        await asyncio.sleep(0.01)
        return message

    async def held(self, message: bytes, _: Any) -> bytes:
        """Says that it waits, and takes a fifth of a second."""
        self.waiting.set()
        await asyncio.sleep(0.2)
        return message

    async def grow(self, message: bytes, _: Any) -> bytes:
        """As many bytes as the message says."""
        return bytes(int(message))

    async def trail(self, message: bytes, context: Any) -> bytes:
        """Trailers of as many bytes."""
        context.set_trailing_metadata((("x-long", "x" * int(message)),))
        return b""

    async def stream(self, messages: AsyncIterator[bytes], context: Any) -> None:
        """Each message again."""
        async for message in messages:
            await context.write(message)

    async def sum(self, messages: AsyncIterator[bytes], _: Any) -> bytes:
        """All messages joined."""
        return b"".join([message async for message in messages])

    async def count(self, message: bytes, _: Any) -> AsyncIterator[bytes]:
        """So many messages."""
        for number in range(int(message)):
            yield b"%d" % number

    async def flood(self, message: bytes, _: Any) -> AsyncIterator[bytes]:
        """Messages of so many bytes, without an end."""
        try:
            while True:
                self.waiting.set()
                yield bytes(int(message))
                self.written += 1
        except (asyncio.CancelledError, GeneratorExit):
            self.ended.append("cancelled")
            raise

    async def early(self, messages: AsyncIterator[bytes], context: Any) -> None:
        """Ends with a status after the first message, while the client may still send."""
        async for _ in messages:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, "enough")

    async def refuse(self, _: AsyncIterator[bytes], context: Any) -> None:
        """Ends with a status before anything is read."""
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, "no")

    async def wait_stream(self, messages: AsyncIterator[bytes], context: Any) -> None:
        """Answers the first message, then waits."""
        async for message in messages:
            await context.write(message)
            await self._waited(message)

    async def _waited(self, message: bytes) -> bytes:
        self.waiting.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        return message


CODES = {code.value[0]: code for code in grpc.StatusCode}


@dataclass
class Pair:
    """A server, its handlers, and a channel to it."""

    server: Any
    channel: Any
    handlers: Handlers
    address: str

    def unary(self, method: str) -> Any:
        """A method with one message each way."""
        return self.channel.unary_unary(f"/test/{method}")

    def streamed(self, method: str) -> Any:
        """A method with several messages."""
        return self.channel.stream_stream(f"/test/{method}")


def server_options(**changed: Any) -> ServerOptions:
    """Bounds of a server. http2: of its connections."""
    bounds: dict[str, Any] = {"streams_max": 200, "header_bytes_max": HEADER_BYTES_MAX, **changed.pop("http2", {})}
    options: dict[str, Any] = {
        "message_bytes_max": MESSAGE_BYTES_MAX, "answer_bytes_max": MESSAGE_BYTES_MAX, "calls_max": 1_000, **changed
    }  # fmt: skip
    return ServerOptions(http2=Http2Limits(**bounds), **options)


def channel_options(**changed: Any) -> ChannelOptions:
    """Bounds of a channel."""
    options: dict[str, Any] = {
        "message_bytes_max": MESSAGE_BYTES_MAX, "request_bytes_max": 2 * MESSAGE_BYTES_MAX, "reconnect_s": 0.2, **changed
    }  # fmt: skip
    return ChannelOptions(**options)


@asynccontextmanager
async def a_server(
    library: Library, options: ServerOptions, port: int = 0, certificates: Certificates | None = None
) -> AsyncIterator[tuple[Any, Handlers, int]]:
    """A server with its handlers and port, until the end of the block."""
    server, handlers = server_of(library, options), Handlers()
    server.add_generic_rpc_handlers((handlers,))
    port = bind(server, f"127.0.0.1:{port}", certificates)
    await server.start()
    try:
        yield server, handlers, port
    finally:
        await server.stop(None)


@asynccontextmanager
async def a_pair(
    libraries: tuple[Library, Library],
    *,
    server: ServerOptions | None = None,
    channel: ChannelOptions | None = None,
    certificates: Certificates | None = None,
) -> AsyncIterator[Pair]:
    """Both sides, until the end of the block. libraries: the server's, the channel's. certificates: the server's."""
    async with a_server(libraries[0], server or server_options(), 0, certificates) as (serving, handlers, port):
        calling = channel_of(libraries[1], f"127.0.0.1:{port}", channel or channel_options())
        try:
            yield Pair(serving, calling, handlers, f"127.0.0.1:{port}")
        finally:
            await calling.close()
