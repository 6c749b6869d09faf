"""Bounds of one HTTP/2 connection: what a peer may make us keep or do.

Those that depend on who the clients of a listener are have a setting (`runtime/rpc_settings.py`). The others have none: windows
are the protocol's, or cost memory that the limits of calls bound; streams follow from these limits; and no client that keeps the
rules comes near the numbers below the class. A channel has none: its server is one of ours, or Triton.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.runtime.http2.frames import WINDOW_DEFAULT


@dataclass(frozen=True, slots=True, kw_only=True)
class Http2Limits:
    """Bounds of one connection."""

    streams_max: int = 1_024
    """Streams that the peer may have open. Arbitrary; any value from 100 to 10,000 would do: a call has limits of its own."""

    header_bytes_max: int = 16_384
    """Bytes of the headers of a message: names, values, and 32 for each (RFC 9113, section 6.5.2). Chosen: twice gRPC's default,
    for long trace states."""

    stream_window_bytes: int = WINDOW_DEFAULT
    """Bytes that a peer may send on a stream before somebody reads; no fewer than WINDOW_DEFAULT, which a peer uses until it has
    our settings. The protocol's own: most calls fit, and a stranger's bytes are few."""

    connection_window_bytes: int = 16_777_216
    """Bytes that a peer may send on all streams before it hears that they came; more than WINDOW_DEFAULT. Chosen: a gigabit
    a second over 100 ms."""

    unread_bytes_max: int = 1_048_576
    """Data of ours that is on its way to the socket, or in its buffer, before the rest waits on its stream. Arbitrary; any value
    from 64 KiB to 8 MiB would do."""

    control_frames_max: int = 10_000
    """Frames in CONTROL_WINDOW_S that carry nothing: PING, SETTINGS, PRIORITY, empty DATA. Chosen: ten times what a busy
    client measures its bandwidth with."""

    unfinished_s_max: float = 10.0
    """Seconds in which the peer must finish what it began: its preface and settings, a frame, a header block. Chosen: what our
    HTTP listeners give for 64 KiB of a body. Of a server's peers: a client's calls have deadlines."""

    resets_max: int = 2_000
    """Streams in CONTROL_WINDOW_S that the peer may reset (CVE-2023-44487) or make us reset (CVE-2025-8671) before they end.
    Chosen: 200 calls a second that nobody waits for; a client that cancels more is slowed by a new connection."""


CONTROL_WINDOW_S = 10.0
"""Seconds in which frames without content are counted. Arbitrary; any value from 1 to 60 would do."""

CONTINUATIONS_MAX = 64
"""CONTINUATION frames of one header block (CVE-2024-27316). Chosen: headers of 16 KiB fit into two frames."""

BLOCK_BYTES_FACTOR = 4
"""A header block on the wire may have so many times the bytes of the headers' limit: Huffman's longest code has 30 bits."""

LIST_BYTES_FACTOR = 4
"""Reading a block stops at so many times the bytes of the headers' limit: it is an attack (a table entry named again and again).
There the connection ends; between the limit and it, one call is refused."""

STREAMS_A_FRAME = 8
"""Open streams that count as one frame without content where a setting changes all their windows: walking over them takes as
long."""

UPDATES_A_FRAME = 4
"""Window updates that a peer may send for each of our DATA frames, beside `control_frames_max`: usual are two, of the stream and
of the connection."""
