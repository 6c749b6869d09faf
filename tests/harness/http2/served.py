"""A server's end with a client that has begun well: what it answers to frames."""

from __future__ import annotations

import pytest

from harness.http2 import wire
from harness.http2.noted import Requests
from harness.http2.wire import Frame, encoded, frames_in, request_fields
from weir.runtime.http2 import frames
from weir.runtime.http2.faults import ConnectionFault, ErrorCode
from weir.runtime.http2.frames import PREFACE, RST_STREAM
from weir.runtime.http2.header_blocks import literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd

LIMITS = Http2Limits(streams_max=4, header_bytes_max=1_000)
REQUEST = encoded(request_fields())
TRAILERS = encoded([(b"t", b"1")])
OK = literal(b":status", b"200")


class Served:
    """A server's end whose client has begun well."""

    def __init__(self, requests: Requests | None = None, limits: Http2Limits = LIMITS) -> None:
        self.requests = requests or Requests()
        self.end = ServerEnd(limits, self.requests)
        self.end.receive(PREFACE + frames.settings_frame({}), 0.0)
        self.written()

    def written(self) -> list[Frame]:
        """The frames that were to be written."""
        return list(frames_in(wire.written(self.end)))

    def hears(self, *wires: bytes, now_s: float = 0.0) -> list[Frame]:
        """The frames that the server answers to these."""
        self.end.receive(b"".join(wires), now_s)
        return self.written()

    def resets(self, *wires: bytes) -> list[tuple[int, int]]:
        """Stream and code of each RST_STREAM that these are answered by."""
        return [(one.stream_id, one.number) for one in self.hears(*wires) if one.kind == RST_STREAM]

    def fault(self, *wires: bytes) -> ErrorCode:
        """The code of the fault that ends the connection at these."""
        with pytest.raises(ConnectionFault) as caught:
            self.end.receive(b"".join(wires), 0.0)
        assert caught.value.text
        return caught.value.code
