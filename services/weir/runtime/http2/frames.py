"""Frames of HTTP/2: their numbers and their bytes (RFC 9113, sections 4 and 6)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
"""What a client sends first (section 3.4)."""

HEAD: Final = struct.Struct(">HBBBL")
"""Length (16 high bits, 8 low bits), type, flags, stream id: before each frame."""

HEAD_BYTES: Final = HEAD.size

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
"""Types of frames (section 6)."""

END_STREAM, ACK, END_HEADERS, PADDED, HAS_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
"""Flags of frames."""

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = (
    range(1, 7)
)
"""Names of settings (section 6.5.2)."""

WINDOW_MAX: Final = 2**31 - 1
"""Largest window, bytes (section 6.9.1)."""

STREAM_ID_MAX: Final = 2**31 - 1
"""Largest stream id; its highest bit is reserved."""

WINDOW_DEFAULT: Final = 65_535
"""Window of a connection, and of a stream unless set otherwise, bytes (section 6.9.2)."""

FRAME_BYTES: Final = 16_384
"""Largest payload that every peer takes, bytes (section 4.2). We take none larger and need none larger."""

FRAME_BYTES_MAX: Final = 2**24 - 1
"""Largest payload that a peer may allow, bytes."""

NUMBER: Final = struct.Struct(">L")
"""A number of a frame: an error code, a window's increment, a stream id."""

SETTING: Final = struct.Struct(">HL")
"""A setting: its name and its value."""


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """The bytes of a frame. payload: at most FRAME_BYTES_MAX bytes."""
    size = len(payload)
    return HEAD.pack(size >> 8, size & 255, kind, flags, stream_id) + payload


def settings_frame(values: Mapping[int, int]) -> bytes:
    """A SETTINGS frame with these values."""
    return frame(SETTINGS, 0, 0, b"".join(SETTING.pack(name, value) for name, value in values.items()))


def window_update(stream_id: int, increment: int) -> bytes:
    """A WINDOW_UPDATE frame; stream 0 is the connection."""
    return frame(WINDOW_UPDATE, 0, stream_id, NUMBER.pack(increment))


def rst_stream(stream_id: int, code: int) -> bytes:
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream_id, NUMBER.pack(code))


def goaway(last_stream_id: int, code: int, text: str = "") -> bytes:
    """A GOAWAY frame. text: debug data for the peer's log."""
    return frame(GOAWAY, 0, 0, NUMBER.pack(last_stream_id) + NUMBER.pack(code) + text.encode())
