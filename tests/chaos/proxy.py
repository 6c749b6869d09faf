"""A TCP proxy that misbehaves on command, in a thread of its own: what a network or a dying server does to a client."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from typing import Literal, Self

Mode = Literal["pass", "reset", "silent", "swallow", "slow"]
"""pass: bytes go through. reset: connections are cut with RST. silent: half-open, nothing moves either way.
swallow: requests go through, answers vanish, then the connection is cut. slow: each answer waits `delay_s`."""

CHUNK_BYTES = 65_536


class Proxy:
    """Listens on a port of its own and passes bytes to `target_port` while the mode says so."""

    def __init__(self) -> None:
        self.target_port = 0
        self.mode: Mode = "pass"
        self.delay_s = 0.0
        self.faults = 0
        """Answers swallowed, delayed or connections cut so far."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the proxy did not begin to listen"
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _run(self) -> None:
        """Listen until the block ends; leaving cancels what is still connected."""
        self._loop = asyncio.get_running_loop()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._stop.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode == "reset":
            self._cut(writer)
            return
        try:
            upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            self._cut(writer)
            return
        ways = [
            asyncio.ensure_future(self._pump(reader, upstream_writer, is_answer=False)),
            asyncio.ensure_future(self._pump(upstream_reader, writer, is_answer=True)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            upstream_writer.close()
            self._cut(writer) if self.mode in ("reset", "swallow") else writer.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(CHUNK_BYTES):
                while self.mode == "silent":
                    await asyncio.sleep(0.05)
                if self.mode == "reset":
                    return
                if is_answer and self.mode == "swallow":
                    self.faults += 1
                    return
                if is_answer and self.mode == "slow":
                    self.faults += 1
                    await asyncio.sleep(self.delay_s)
                writer.write(data)
                await writer.drain()

    def _cut(self, writer: asyncio.StreamWriter) -> None:
        self.faults += 1
        plug = writer.get_extra_info("socket")
        if plug is not None:
            plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
