"""From the outlet of a connection to its socket, no more than the socket takes."""

from __future__ import annotations

import asyncio
from typing import Any

from weir.runtime.http2.connection import Connection
from weir.runtime.http2.outlet import Outlet


class Writing(asyncio.Protocol):
    """The part of a connection that writes, the same at both ends."""

    end: Connection

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self._is_flush_due = False

    def connection_made(self, transport: Any) -> None:
        """The peer is there: say what we take."""
        self._transport = transport
        transport.set_write_buffer_limits(high=self.end.limits.unread_bytes_max)
        self._flush()

    def eof_received(self) -> bool:
        """The peer sends no more: nor do we."""
        return False

    def pause_writing(self) -> None:
        """The socket takes nothing more."""
        self.end.outlet.is_paused = True

    def resume_writing(self) -> None:
        """The socket takes bytes again."""
        self.end.outlet.is_paused = False
        self._flush()

    def flush_soon(self) -> None:
        """Write at the end of this turn of the loop: frames of calls that are ready together go in one write."""
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        """Write what is to be written."""
        raise NotImplementedError


def write_out(outlet: Outlet, transport: Any, unread_bytes_max: int) -> bool:
    """Write what is to be written, and what moves up behind it, until the transport holds `unread_bytes_max` bytes.

    Returns whether to come back in the next turn of the loop: uvloop says only then that a transport is full.
    """
    while not transport.is_closing():
        outlet.pump()
        if not outlet.frames:
            return False
        transport.write(outlet.take())
        if transport.get_write_buffer_size() > unread_bytes_max:
            return not outlet.is_paused
    return False
