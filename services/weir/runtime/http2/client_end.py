"""The client's end of an HTTP/2 connection: we open streams, each a request."""

from __future__ import annotations

from weir.runtime.http2 import frames
from weir.runtime.http2.connection import Connection
from weir.runtime.http2.faults import ConnectionFault, ErrorCode, StreamFault
from weir.runtime.http2.frames import PREFACE, STREAM_ID_MAX
from weir.runtime.http2.header_blocks import HeaderList
from weir.runtime.http2.header_rules import Malformed, demand_response, demand_trailers
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.stream import NOBODY, Receiver, Stream

NOT_TAKEN = "the server goes away and did not take the call"


class ClientEnd(Connection):
    """A connection that asks."""

    def __init__(self, limits: Http2Limits) -> None:
        super().__init__(limits)
        self._next_id = 1
        self.outlet.frames.append(PREFACE)
        self.begin(
            {
                frames.ENABLE_PUSH: 0,
                frames.INITIAL_WINDOW_SIZE: limits.stream_window_bytes,
                frames.MAX_HEADER_LIST_SIZE: limits.header_bytes_max,
            }
        )

    def can_open(self) -> bool:
        """Whether the server takes one more stream now."""
        return not self.is_going and len(self.streams) < self.peer_streams_max

    def open(self, receiver: Receiver, block: bytes, *, is_end: bool = False) -> Stream:
        """Send a request's headers on a new stream; `can_open` comes first."""
        stream = self.new_stream(self._next_id, receiver)
        stream.content_bytes_left = 0  # nothing comes before the response's headers
        self._next_id += 2
        if self._next_id > STREAM_ID_MAX:
            self.is_going = True  # the next call needs another connection
        self.send_headers(stream, block, is_end=is_end)
        return stream

    def cancel(self, stream: Stream) -> None:
        """Stop a call that nobody waits for any more."""
        stream.receiver = NOBODY
        if stream.id in self.streams:
            self.reset(stream.id, ErrorCode.CANCEL)

    def _is_idle(self, stream_id: int) -> bool:
        return stream_id % 2 == 0 or stream_id >= self._next_id

    def _opened(self, stream_id: int, headers: HeaderList, *, is_end: bool) -> None:
        """A server opens no streams; headers of a stream that we gave up are dropped."""
        if self._is_idle(stream_id):
            raise ConnectionFault(ErrorCode.PROTOCOL_ERROR, f"the server opens stream {stream_id}")
        if not self._closed.get(stream_id, True):
            raise ConnectionFault(ErrorCode.STREAM_CLOSED, f"headers on stream {stream_id}, which is closed")

    def _more_headers(self, stream: Stream, headers: HeaderList, *, is_end: bool) -> None:
        is_answered = stream.content_bytes_left is None
        try:
            if is_answered:
                demand_trailers(headers.fields)
                if not is_end:
                    raise Malformed("trailers that are not the end")
            elif demand_response(headers.fields) < 200:
                if is_end:
                    raise Malformed("an informational answer that is the end")
                return  # the response is still to come (section 8.1)
        except Malformed as error:
            raise StreamFault(stream.id, ErrorCode.PROTOCOL_ERROR, f"the response is malformed: {error}") from error
        stream.content_bytes_left = None
        stream.is_remote_ended = is_end
        stream.receiver.receive_headers(headers, is_end=is_end)

    def _going(self, last_stream_id: int) -> None:
        for stream in [one for one in self.streams.values() if one.id > last_stream_id]:
            self.forget(stream)
            receiver, stream.receiver = stream.receiver, NOBODY
            receiver.receive_reset(ErrorCode.REFUSED_STREAM, NOT_TAKEN)
