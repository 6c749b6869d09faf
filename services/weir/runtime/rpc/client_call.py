"""One call at the client: what waits for its answer, and what comes on its stream.

Both kinds have the part of grpc.aio's calls that Weir uses. A call fails with `grpc.aio.AioRpcError`, whichever library made
it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import grpc
import grpc.aio

from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.faults import LOST, ErrorCode
from weir.runtime.http2.header_blocks import HeaderList
from weir.runtime.http2.stream import Stream
from weir.runtime.rpc.call_headers import (
    CONTENT_TYPE,
    OF_THE_STATUS,
    Status,
    metadata_of,
    read_status,
    status_of_http,
)  # fmt: skip
from weir.runtime.rpc.messages import BadMessage, MessageReader

CODES = {code.value[0]: code for code in grpc.StatusCode}
"""Number of a status -> what grpc calls it."""

CANCELLED, DEADLINE_EXCEEDED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE = 1, 4, 7, 8, 13, 14
"""gRPC status codes that the client itself gives."""

OF_RESET: Mapping[int, int] = {
    ErrorCode.NO_ERROR: INTERNAL, ErrorCode.REFUSED_STREAM: UNAVAILABLE, ErrorCode.CANCEL: CANCELLED,
    ErrorCode.ENHANCE_YOUR_CALM: RESOURCE_EXHAUSTED, ErrorCode.INADEQUATE_SECURITY: PERMISSION_DENIED, LOST: UNAVAILABLE,
}  # fmt: skip
"""gRPC status of a stream that was reset (PROTOCOL-HTTP2.md, Errors); others are INTERNAL."""


def rpc_error(status: Status) -> grpc.aio.AioRpcError:
    """The error of a call that ended so."""
    return grpc.aio.AioRpcError(CODES[status.code], (), status.metadata, details=status.details)


class Connected(Protocol):
    """The connection of a call."""

    end: ClientEnd

    def flush_soon(self) -> None:
        """Write soon what is to be written."""


class ClientCall:
    """What both kinds of calls share: headers, status, deadline, cancellation."""

    def __init__(self, bytes_max: int, timeout_s: float | None) -> None:
        """bytes_max: largest message of the answer. timeout_s: time that the call has; None for as long as it takes."""
        self.stream: Stream | None = None
        self.status: Status | None = None
        self.leave_queue: Callable[[], object] | None = None
        """Called when the call ends while it waits for a connection or a stream."""
        self._bytes_max = bytes_max
        self._reader = MessageReader(bytes_max)
        self._connected: Connected | None = None
        self._http_status = 0
        self._timer: asyncio.TimerHandle | None = None
        if timeout_s is not None:
            self._timer = asyncio.get_running_loop().call_later(timeout_s, self._expire)

    def begin(self, connected: Connected, block: bytes) -> Stream:
        """Send the headers on a connection."""
        self._connected = connected
        self.stream = connected.end.open(self, block)
        connected.flush_soon()
        return self.stream

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """Headers of the answer, or trailers, or both in one."""
        fields = headers.fields
        if self._connected is not None and headers.size_bytes > self._connected.end.limits.header_bytes_max:
            text = f"received metadata size exceeds limit: {headers.size_bytes} bytes"
            self._give_up(Status(RESOURCE_EXHAUSTED, text, ()))
            return
        if is_end:
            status = read_status(fields)
            if status is None:
                code = status_of_http(self._http_status or _http_status(fields))
                status = Status(code, "the answer has no grpc-status", metadata_of(fields, OF_THE_STATUS))
            elif status.code == 0 and self._reader.partial_bytes:
                status = Status(INTERNAL, "the answer ends inside a message", status.metadata)
            self._finish(status)
            return
        values = dict(fields)
        self._http_status = _http_status(fields)
        if self._http_status != 200 or not CONTENT_TYPE.fullmatch(values.get(b"content-type", b"")):
            self._give_up(
                Status(status_of_http(self._http_status), f"the answer is none of gRPC ({self._http_status})", ())
            )
            return
        encoding = values.get(b"grpc-encoding")
        if encoding is not None:
            self._reader = MessageReader(self._bytes_max, encoding)

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """A piece of the answer's body."""
        try:
            for message in self._reader.read(data):
                self._take(message)
        except BadMessage as bad:
            self._give_up(Status(bad.code, bad.text, ()))
            return
        if is_end:
            self._finish(Status(status_of_http(self._http_status), "the answer ended without a grpc-status", ()))
            return
        self._replenish()

    def receive_reset(self, code: int, text: str) -> None:
        """The answer broke off."""
        self._finish(Status(OF_RESET.get(code, INTERNAL), text or "the stream was reset", ()))

    def sent(self) -> None:
        """What waited for the server's window is with the socket."""

    def fail(self, status: Status) -> None:
        """The call ends before it has a stream, or with it."""
        self._give_up(status)

    def _take(self, message: bytes) -> None:
        """A message of the answer."""
        raise NotImplementedError

    def _ended(self, status: Status) -> None:
        """The call has its status."""
        raise NotImplementedError

    def _unread_bytes(self) -> int:
        """Bytes of messages that nobody has taken yet."""
        return 0

    def _finish(self, status: Status) -> None:
        if self.status is not None:
            return
        self.status = status
        if self._timer is not None:
            self._timer.cancel()
        if self.leave_queue is not None:
            self.leave_queue()
        self._ended(status)

    def _give_up(self, status: Status) -> None:
        """End the call here, and stop the server."""
        if self.stream is not None and self._connected is not None and self.status is None:
            self._connected.end.cancel(self.stream)
            self._connected.flush_soon()
        self._finish(status)

    def _expire(self) -> None:
        self._give_up(Status(DEADLINE_EXCEEDED, "Deadline Exceeded", ()))

    def _replenish(self) -> None:
        """Let the server send on: as much as was taken, and the whole of the message that has begun."""
        stream, connected = self.stream, self._connected
        if stream is None or connected is None or stream.is_remote_ended:
            return
        end = connected.end
        window, left = end.limits.stream_window_bytes, stream.receive_window
        if left > window // 2 and left >= self._reader.missing_bytes:
            return
        wanted = window - self._reader.partial_bytes
        unread = self._unread_bytes()
        wanted = max(wanted, self._reader.missing_bytes) if unread < window else 0
        if wanted - unread > left:
            end.grant(stream, wanted - unread - left)
            connected.flush_soon()


def _http_status(fields: Any) -> int:
    first = fields[0] if fields else (b"", b"")
    return int(first[1]) if first[0] == b":status" and first[1].isdigit() else 0
