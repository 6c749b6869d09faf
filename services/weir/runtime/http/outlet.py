"""A transport that sends what is written in one turn of the loop together: uvloop makes a system call of each write, and
uvicorn writes the head and the body of an answer one after the other.
"""

from __future__ import annotations

import asyncio

HELD_BYTES_MAX = 65_536
"""Bytes that wait for the end of a turn. Chosen: asyncio's own high-water mark; a handler that writes more is told to pause."""


class Outlet(asyncio.Transport):
    """The transport of one connection."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport = transport
        self._loop = loop
        self._held: list[bytes | bytearray | memoryview] = []
        self._held_bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send soon."""
        if not data:
            return
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)
        self._held_bytes += len(data)
        if self._held_bytes > HELD_BYTES_MAX:
            self._flush()

    def close(self) -> None:
        """Close once everything is sent."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close now."""
        self._held.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closed, or will be."""
        return self._transport.is_closing()

    def pause_reading(self) -> None:
        """Take nothing more."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take bytes again."""
        self._transport.resume_reading()

    def get_extra_info(self, name: str, default: object = None) -> object:
        """What the transport knows of its socket."""
        return self._transport.get_extra_info(name, default)

    def _flush(self) -> None:
        if self._held and not self._transport.is_closing():
            held, self._held, self._held_bytes = self._held, [], 0
            self._transport.write(held[0] if len(held) == 1 else b"".join(held))
