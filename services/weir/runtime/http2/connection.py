"""One HTTP/2 connection (RFC 9113) without I/O: `receive` takes bytes, `outlet.frames` holds bytes to write.

Both ends share this: frames are cut and checked, windows are kept, settings are acknowledged, floods are counted. What opens
a stream differs (`server_end`, `client_end`).

Laws: every frame a peer sends is either taken, answered by RST_STREAM, or ends the connection with GOAWAY, as the RFC says.
What a peer can make us keep is bounded by `Http2Limits`. Time comes in as `now_s`.

Cost: 4 us for a small DATA frame, 3 us for a HEADERS frame whose block is known.
"""

from __future__ import annotations

from collections.abc import Callable

from weir.runtime.http2 import frames
from weir.runtime.http2.control import ControlFrames, demand_other_parent
from weir.runtime.http2.faults import LOST, ConnectionFault, ErrorCode, StreamFault
from weir.runtime.http2.frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    GOAWAY,
    HAS_PRIORITY,
    HEAD,
    HEAD_BYTES,
    HEADERS,
    PADDED,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_DEFAULT,
    WINDOW_UPDATE,
    rst_stream,
    settings_frame,
    window_update,
)  # fmt: skip
from weir.runtime.http2.header_blocks import BlockReader, HeaderList
from weir.runtime.http2.limits import BLOCK_BYTES_FACTOR, CONTINUATIONS_MAX, Http2Limits
from weir.runtime.http2.stream import NOBODY, Receiver, Stream

CLOSED_KEPT = 1_024
"""Closed streams that are remembered, to tell late frames from wrong ones. Chosen: as many as may be open."""

unpack = HEAD.unpack_from


class Connection(ControlFrames):
    """State of one end. A subclass says which streams a peer may open, and what their first headers mean."""

    def __init__(self, limits: Http2Limits) -> None:
        super().__init__(limits)
        self.last_peer_id = 0
        """Highest stream that the peer opened."""
        self._reader = BlockReader(limits.header_bytes_max)
        self._rest = b""
        self._begun_s = self._now_s = 0.0
        self._receive_window = limits.connection_window_bytes
        self._block: list[bytes] | None = None  # of headers that go on in CONTINUATION frames
        self._block_of = (0, 0)  # stream and flags of that block
        self._block_bytes = 0
        self._closed: dict[int, bool] = {}  # stream -> whether we reset it
        self._handlers: dict[int, Callable[[int, int, bytes], None]] = {
            DATA: self._padded_data, HEADERS: self._headers, PRIORITY: self._priority, RST_STREAM: self._reset,
            SETTINGS: self._settings, PUSH_PROMISE: self._push_promise, PING: self._ping, GOAWAY: self._goaway,
            WINDOW_UPDATE: self._window_update, CONTINUATION: self._continuation,
        }  # fmt: skip

    def begin(self, settings: dict[int, int]) -> None:
        """Say what this end takes: the first bytes that it sends."""
        self.outlet.frames.append(settings_frame(settings))
        self.outlet.frames.append(window_update(0, self.limits.connection_window_bytes - WINDOW_DEFAULT))

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes of the peer. Raises ConnectionFault when the connection must end."""
        self._count_from(now_s)
        self._now_s = now_s
        if self._rest:
            data = self._rest + data
        elif self._block is None and self.is_settled:
            self._begun_s = now_s
        at, size = 0, len(data)
        while size - at >= HEAD_BYTES:
            high, low, kind, flags, stream_id = unpack(data, at)
            length = high << 8 | low
            if length > FRAME_BYTES:
                raise ConnectionFault(
                    ErrorCode.FRAME_SIZE_ERROR, f"a frame of {length:,} bytes; {FRAME_BYTES:,} are allowed"
                )
            end = at + HEAD_BYTES + length
            if end > size:
                break
            try:
                self._frame(kind, flags, stream_id & frames.STREAM_ID_MAX, data[at + HEAD_BYTES : end])
            except StreamFault as fault:
                self._count_reset()
                self.reset(fault.stream_id, fault.code, fault.text)
            at = end
        self._rest = data[at:]
        if at and self._block is None and self.is_settled:
            self._begun_s = now_s

    def demand_whole(self, now_s: float) -> None:
        """Raises ConnectionFault where the peer has not finished in `unfinished_s_max` what it began (see the limits)."""
        is_whole = self.is_settled and not self._rest and self._block is None
        if not is_whole and now_s - self._begun_s > self.limits.unfinished_s_max:
            text = f"what began {now_s - self._begun_s:.0f} s ago is not finished: a preface, a frame or a header block"
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, text)

    def reset(self, stream_id: int, code: ErrorCode, text: str = "") -> None:
        """End a stream before its time, and tell the peer; its receiver hears of it."""
        self.outlet.frames.append(rst_stream(stream_id, code))
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.forget(stream)
        self._remember(stream_id, is_reset_by_us=True)
        if stream is not None:
            receiver, stream.receiver = stream.receiver, NOBODY
            receiver.receive_reset(code, text)

    def grant(self, stream: Stream, increment: int) -> None:
        """Let the peer send so many bytes more on a stream."""
        if not stream.is_remote_ended:
            stream.receive_window += increment
            self.outlet.frames.append(window_update(stream.id, increment))

    def send_headers(self, stream: Stream, block: bytes, *, is_end: bool = False) -> None:
        """Send a block of headers; with is_end nothing comes after it."""
        self.outlet.headers(stream, block, is_end=is_end)
        if is_end:
            self._ended_here(stream)

    def send_data(self, stream: Stream, data: bytes, *, is_end: bool = False) -> None:
        """Send data; what the windows do not allow waits on the stream (`stream.unsent_bytes`)."""
        self.outlet.data(stream, data, is_end=is_end)
        if is_end:
            self._ended_here(stream)

    def forget(self, stream: Stream) -> None:
        """The stream is over at both ends."""
        self.outlet.forget(stream)
        if self.streams.pop(stream.id, None) is not None:
            self._remember(stream.id)

    def drop_unsent(self, stream: Stream) -> None:
        """Give up data that waits on a stream: what is sent next, its trailers, says that the answer is not whole."""
        self.outlet.forget(stream)

    def lose(self, text: str) -> None:
        """The connection is gone: every receiver hears of it."""
        streams, self.streams = self.streams, {}
        self.is_going = True
        for stream in streams.values():
            self.outlet.forget(stream)
            stream.receiver.receive_reset(LOST, text)

    def new_stream(self, stream_id: int, receiver: Receiver) -> Stream:
        """A stream that is open from now on."""
        stream = Stream(stream_id, receiver, self._peer_window, self.limits.stream_window_bytes)
        self.streams[stream_id] = stream
        return stream

    def _opened(self, stream_id: int, headers: HeaderList, *, is_end: bool) -> None:
        """Headers that open a stream. Raises ConnectionFault or StreamFault where the peer may not open it."""
        raise NotImplementedError

    def _frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is not None and kind != CONTINUATION:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a frame between the parts of a header block")
        if kind == DATA and not flags & PADDED:
            self._data(stream_id, payload, len(payload), is_end=bool(flags & END_STREAM))
            return
        if not self.is_settled and (kind != SETTINGS or flags & ACK):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the first frame is no SETTINGS")
        handler = self._handlers.get(kind)
        if handler is None:
            self._count_control()  # unknown types are ignored (section 4.1)
        else:
            handler(flags, stream_id, payload)

    # Data

    def _padded_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        self._data(stream_id, _without_padding(payload), len(payload), is_end=bool(flags & END_STREAM))

    def _data(self, stream_id: int, data: bytes, size: int, *, is_end: bool) -> None:
        """size: bytes that count for the windows, padding included."""
        self._receive_window -= size
        if self._receive_window < self.limits.connection_window_bytes // 2:
            self._refill()
        stream = self.streams.get(stream_id)
        if stream is None or stream.is_remote_ended:
            self._stray(stream_id, stream)
            return
        stream.receive_window -= size
        if stream.receive_window < 0:
            raise StreamFault(stream_id, ErrorCode.FLOW_CONTROL_ERROR, "more data than the stream's window allows")
        if not data and not is_end:
            self._count_control()
        if stream.content_bytes_left is not None:
            _count_content(stream, len(data), is_end=is_end)
        if is_end:
            stream.is_remote_ended = True
        stream.receiver.receive_data(data, is_end=is_end)
        if is_end and stream.is_local_ended and not stream.unsent:
            self.forget(stream)

    def _refill(self) -> None:
        """Let the peer send on: what came is with its stream, whose own window bounds it, or was dropped."""
        if self._receive_window < 0:
            raise ConnectionFault(ErrorCode.FLOW_CONTROL_ERROR, "more data than the connection's window allows")
        self.outlet.frames.append(window_update(0, self.limits.connection_window_bytes - self._receive_window))
        self._receive_window = self.limits.connection_window_bytes

    def _stray(self, stream_id: int, stream: Stream | None) -> None:
        """A frame with content on a stream that takes none."""
        if stream is not None:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "data after the end of the stream")
        if stream_id == 0 or self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"data on stream {stream_id}, which is not open")
        self._count_control()
        if not self._closed.get(stream_id, True):
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"data on stream {stream_id}, which is closed")

    # Headers

    def _headers(self, flags: int, stream_id: int, payload: bytes) -> None:
        if stream_id == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "headers on stream 0")
        if flags & PADDED:
            payload = _without_padding(payload)
        if flags & HAS_PRIORITY:
            if len(payload) < 5:
                raise ConnectionFault(ErrorCode.FRAME_SIZE_ERROR, "headers too short for their priority")
            demand_other_parent(stream_id, payload)
            payload = payload[5:]
        if flags & END_HEADERS:
            self._block_done(stream_id, payload, is_end=bool(flags & END_STREAM))
            return
        self._block, self._block_of, self._block_bytes = [payload], (stream_id, flags), len(payload)
        self._begun_s = self._now_s

    def _continuation(self, flags: int, stream_id: int, payload: bytes) -> None:
        if self._block is None or stream_id != self._block_of[0]:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "a CONTINUATION that continues nothing")
        self._block.append(payload)
        self._block_bytes += len(payload)
        if (
            len(self._block) > CONTINUATIONS_MAX
            or self._block_bytes > BLOCK_BYTES_FACTOR * self.limits.header_bytes_max
        ):
            raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, "a header block of too many bytes or frames")
        if flags & END_HEADERS:
            block, self._block = b"".join(self._block), None
            self._block_done(stream_id, block, is_end=bool(self._block_of[1] & END_STREAM))

    def _block_done(self, stream_id: int, block: bytes, *, is_end: bool) -> None:
        headers = self._reader.read(block)
        stream = self.streams.get(stream_id)
        if stream is None:
            self._opened(stream_id, headers, is_end=is_end)
            return
        if stream.is_remote_ended:
            raise StreamFault(stream_id, ErrorCode.STREAM_CLOSED, "headers after the end of the stream")
        self._more_headers(stream, headers, is_end=is_end)
        if is_end and stream.is_local_ended and not stream.unsent:
            self.forget(stream)

    def _more_headers(self, stream: Stream, headers: HeaderList, *, is_end: bool) -> None:
        """Headers on a stream that is open: a response's, or trailers."""
        raise NotImplementedError

    def _ended_here(self, stream: Stream) -> None:
        """We sent the end of a stream, or it waits behind data that is not sent yet."""
        if stream.is_remote_ended and not stream.unsent:
            self.forget(stream)

    def _remember(self, stream_id: int, *, is_reset_by_us: bool = False) -> None:
        self._closed[stream_id] = is_reset_by_us
        if len(self._closed) > CLOSED_KEPT:
            del self._closed[next(iter(self._closed))]


def _without_padding(payload: bytes) -> bytes:
    if not payload or payload[0] >= len(payload):
        raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "more padding than the frame has bytes")
    return payload[1 : len(payload) - payload[0]]


def _count_content(stream: Stream, size: int, *, is_end: bool) -> None:
    assert stream.content_bytes_left is not None
    stream.content_bytes_left -= size
    if stream.content_bytes_left < 0 or (is_end and stream.content_bytes_left):
        raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "the content has another length than its headers say")
