"""A client and a server that speak HTTP/2 frame by frame, as a test says, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from hpack import Decoder

from harness.http2.wire import Fields, Frame, encoded
from weir.runtime.http2 import frames
from weir.runtime.http2.frames import HEAD_BYTES, PREFACE

WITHIN_S = 60.0
"""Seconds in which anything must come. Chosen: six hundred times what it takes on a quiet machine."""

GET: Fields = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"a")]
"""Headers of a request that is no call."""

JSON: Fields = [(b":method", b"POST"), *GET[1:], (b"content-type", b"application/json")]
"""Headers of a request with a body that is no call."""


class RawEnd:
    """One end of a connection; headers are decoded in the order in which they come."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self._decoder = Decoder()

    def send(self, *wires: bytes) -> None:
        """Write these bytes."""
        self.writer.write(b"".join(wires))

    async def frame(self) -> Frame | None:
        """The next frame; None once the other end closed the connection."""
        try:
            async with asyncio.timeout(WITHIN_S):
                head = await self.reader.readexactly(HEAD_BYTES)
                payload = await self.reader.readexactly(int.from_bytes(head[:3]))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        return Frame(head[3], head[4], int.from_bytes(head[5:9]), payload)

    async def until(self, *kinds: int) -> Frame:
        """The next frame of one of these kinds. Raises AssertionError when the connection ends before."""
        while (found := await self.frame()) is not None:
            if found.kind in kinds:
                return found
        raise AssertionError(f"the connection ended before a frame of {kinds}")

    async def headers(self) -> dict[bytes, bytes]:
        """The next headers, whole in their frame."""
        block = (await self.until(frames.HEADERS)).payload
        return {bytes(name): bytes(value) for name, value in self._decoder.decode(block, raw=True)}

    async def answer(self) -> tuple[bytes, bytes]:
        """Status and text of the next call that ends."""
        while True:
            fields = await self.headers()
            if b"grpc-status" in fields:
                return fields[b"grpc-status"], fields.get(b"grpc-message", b"")

    async def is_closed(self) -> bool:
        """Whether the other end closes the connection."""
        while await self.frame() is not None:
            pass
        return True


@asynccontextmanager
async def a_client(port: int, *first: bytes, receive_bytes: int | None = None) -> AsyncIterator[RawEnd]:
    """A connection to a server, with these bytes first; a client's own, unless others are given.

    receive_bytes: what its socket takes before somebody reads.
    """
    connected = socket.socket()
    if receive_bytes is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    connected.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connected, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connected, limit=receive_bytes or 65_536)
    end = RawEnd(reader, writer)
    end.send(*(first or (PREFACE, frames.settings_frame({}))))
    try:
        yield end
    finally:
        writer.close()


@asynccontextmanager
async def a_server_of(script: Callable[[RawEnd], Awaitable[None]]) -> AsyncIterator[int]:
    """A server that plays a script for each connection and then closes it. Yields its port."""

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await script(RawEnd(reader, writer))
        finally:
            writer.close()

    server = await asyncio.start_server(play, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def begun(end: RawEnd, settings: dict[int, int] | None = None) -> None:
    """A server's first words, once the client's preface came."""
    async with asyncio.timeout(WITHIN_S):
        assert await end.reader.readexactly(len(PREFACE)) == PREFACE
    end.send(frames.settings_frame(settings or {}))


def call_fields(path: bytes = b"/test/echo", *more: tuple[bytes, bytes]) -> Fields:
    """Headers of a call."""
    return [
        (b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a"), (b"te", b"trailers"),
        (b"content-type", b"application/grpc"), *more,
    ]  # fmt: skip


OK_BLOCK = encoded([(b":status", b"200"), (b"content-type", b"application/grpc")])
OK_TRAILERS = encoded([(b"grpc-status", b"0")])
