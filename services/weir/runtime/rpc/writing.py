"""From the outlet of a connection to its socket, no more than the socket takes."""

from __future__ import annotations

from typing import Any

from weir.runtime.http2.outlet import Outlet


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
