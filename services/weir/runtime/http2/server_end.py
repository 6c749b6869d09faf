"""The server's end of an HTTP/2 connection: the peer opens streams, each a request."""

from __future__ import annotations

from collections.abc import Callable

from weir.runtime.http2 import frames
from weir.runtime.http2.connection import Connection
from weir.runtime.http2.faults import ConnectionFault, ErrorCode, StreamFault
from weir.runtime.http2.frames import PREFACE, goaway
from weir.runtime.http2.header_blocks import HeaderList
from weir.runtime.http2.header_rules import Malformed, content_length, demand_request, demand_trailers
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.stream import NOBODY, Receiver, Stream

Open = Callable[[Stream, HeaderList], Receiver]
"""Takes a request: its stream and its headers. Returns who receives the rest."""


class ServerEnd(Connection):
    """A connection that serves."""

    def __init__(self, limits: Http2Limits, open_request: Open, now_s: float = 0.0) -> None:
        """open_request: may answer at once, and must not raise. now_s: when the connection began."""
        super().__init__(limits)
        self._begun_s = now_s
        self._open_request = open_request
        self._preface = b""
        self.begin(
            {
                frames.MAX_CONCURRENT_STREAMS: limits.streams_max,
                frames.INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
                frames.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
            }
        )

    def receive(self, data: bytes, now_s: float) -> None:
        """Take bytes of the client, its preface first. Raises ConnectionFault when the connection must end."""
        if len(self._preface) < len(PREFACE):
            missing = len(PREFACE) - len(self._preface)
            self._preface, data = self._preface + data[:missing], data[missing:]
            if not PREFACE.startswith(self._preface):
                raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, "the connection does not begin as HTTP/2 does")
        super().receive(data, now_s)

    def stop(self) -> None:
        """Take no more streams; those that are open go on."""
        if not self.is_going:
            self.is_going = True
            self.outlet.frames.append(goaway(self.last_peer_id, ErrorCode.NO_ERROR))

    def stop_reading(self, stream: Stream) -> None:
        """Tell a client that still sends, although our answer is whole, to stop, without an error (section 8.1)."""
        if not stream.is_remote_ended and stream.id in self.streams:
            self.reset(stream.id, ErrorCode.NO_ERROR)

    def _is_idle(self, stream_id: int) -> bool:
        return stream_id % 2 == 0 or stream_id > self.last_peer_id

    def _opened(self, stream_id: int, headers: HeaderList, *, is_end: bool) -> None:
        if stream_id % 2 == 0:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"a client opens stream {stream_id}, which is even")
        if stream_id <= self.last_peer_id:
            self._late_headers(stream_id)
            return
        self.last_peer_id = stream_id
        if self.is_going:
            return  # GOAWAY said so
        if len(self.streams) >= self.limits.streams_max:
            raise StreamFault(stream_id, ErrorCode.REFUSED_STREAM, f"{len(self.streams)} streams are open")
        try:
            if not headers.is_request:
                demand_request(headers.fields)
                headers.content_bytes, headers.is_request = content_length(headers.fields), True
            if is_end and headers.content_bytes:
                raise Malformed(f"no content, where content-length is {headers.content_bytes}")
        except Malformed as error:
            raise StreamFault(stream_id, ErrorCode.PROTOCOL_ERROR, f"the request is malformed: {error}") from error
        stream = self.new_stream(stream_id, NOBODY)
        stream.content_bytes_left = headers.content_bytes
        stream.is_remote_ended = is_end
        stream.receiver = self._open_request(stream, headers)
        if is_end:
            stream.receiver.receive_data(b"", is_end=True)

    def _late_headers(self, stream_id: int) -> None:
        if stream_id not in self._closed:
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"stream {stream_id} is opened after a higher one")
        if not self._closed[stream_id]:
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"headers on stream {stream_id}, which is closed")

    def _more_headers(self, stream: Stream, headers: HeaderList, *, is_end: bool) -> None:
        if not is_end:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers that are not the end")
        try:
            demand_trailers(headers.fields)
        except Malformed as error:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, f"the trailers are malformed: {error}") from error
        if stream.content_bytes_left:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, "less content than the headers say")
        stream.is_remote_ended = True
        stream.receiver.receive_headers(headers, is_end=True)
