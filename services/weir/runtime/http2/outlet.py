"""What a connection sends: frames in order, data as far as the peer's windows allow, the rest waits on its stream.

Laws: no more data is sent than both windows allow. A stream's frames keep their order. Streams that wait take turns, a frame
each, so that a long answer delays the others by a frame. While the socket takes nothing, data waits, and what the peer asked
for (acknowledgements) is counted: a peer that asks and does not read is let go.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from weir.runtime.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_BYTES,
    HEAD,
    HEADERS,
    WINDOW_DEFAULT,
    frame,
)  # fmt: skip
from weir.runtime.http2.header_blocks import EMPTY_TABLE
from weir.runtime.http2.stream import Stream


class Outlet:
    """Frames that wait to be written, and the windows that they may use."""

    def __init__(self, ended: Callable[[Stream], None]) -> None:
        """ended: hears that the end of a stream, which had to wait, is sent."""
        self.frames: list[bytes] = []
        """What is to be written next; whoever writes it empties the list."""
        self.window = WINDOW_DEFAULT
        """Bytes of data that the peer takes on the connection."""
        self.frame_bytes = FRAME_BYTES
        """Largest payload that the peer takes."""
        self.is_paused = False
        """Whether the socket takes nothing at the moment."""
        self.must_empty_table = False
        """Whether the next block must say that our table is empty."""
        self._waiting: deque[Stream] = deque()
        self._ended = ended

    def headers(self, stream: Stream, block: bytes, *, is_end: bool) -> None:
        """Send headers. They need no window, but they stay behind data of the same stream that waits for one."""
        if stream.unsent:
            stream.unsent.append((b"", block))
            return
        self._headers(stream, block, is_end=is_end)

    def data(self, stream: Stream, data: bytes, *, is_end: bool) -> None:
        """Send data, or what the windows allow of it; the rest waits."""
        size = len(data)
        if size <= self.window and size <= stream.send_window and size <= self.frame_bytes and not (
            stream.unsent or self.is_paused or self._waiting
        ):  # fmt: skip
            self.window -= size
            stream.send_window -= size
            stream.is_local_ended = is_end
            self.frames.append(HEAD.pack(size >> 8, size & 255, DATA, is_end, stream.id))
            self.frames.append(data)
            return
        self._wait(stream, data, b"" if is_end else None)

    def pump(self) -> None:
        """Send what waits, as far as the windows allow now."""
        blocked: list[Stream] = []
        while self._waiting and not self.is_paused:
            stream = self._waiting.popleft()
            if not stream.unsent:
                continue
            if not self._send_next(stream):
                blocked.append(stream)
            elif stream.unsent:
                self._waiting.append(stream)
            else:
                stream.receiver.sent()
                if stream.is_local_ended:
                    self._ended(stream)
        self._waiting.extend(blocked)

    def forget(self, stream: Stream) -> None:
        """Drop what waits on a stream that is over."""
        stream.unsent = None
        stream.unsent_bytes = 0

    def _wait(self, stream: Stream, data: bytes, end: bytes | None) -> None:
        if stream.unsent is None:
            stream.unsent = deque()
        if not stream.unsent:
            self._waiting.append(stream)
        stream.unsent.append((data, end))
        stream.unsent_bytes += len(data)
        self.pump()

    def _send_next(self, stream: Stream) -> bool:
        """Send a frame of what waits on a stream. False where its windows allow nothing."""
        assert stream.unsent is not None
        data, end = stream.unsent[0]
        if end and not data:  # trailers alone
            stream.unsent.popleft()
            self._headers(stream, end, is_end=True)
            return True
        size = min(len(data), self.frame_bytes, self.window, stream.send_window)
        if size <= 0 and data:
            return False
        is_last_piece = size == len(data)
        self.window -= size
        stream.send_window -= size
        stream.unsent_bytes -= size
        is_end = is_last_piece and end is not None
        stream.is_local_ended = is_end
        self.frames.append(frame(DATA, END_STREAM if is_end else 0, stream.id, data[:size]))
        if is_last_piece:
            stream.unsent.popleft()
        else:
            stream.unsent[0] = (data[size:], end)
        return True

    def _headers(self, stream: Stream, block: bytes, *, is_end: bool) -> None:
        if self.must_empty_table:
            self.must_empty_table = False
            block = EMPTY_TABLE + block
        stream.is_local_ended = is_end
        flags = END_HEADERS | is_end
        size = len(block)
        if size > self.frame_bytes:
            self._long_headers(stream.id, block, flags)
            return
        self.frames.append(HEAD.pack(size >> 8, size & 255, HEADERS, flags, stream.id))
        self.frames.append(block)

    def _long_headers(self, stream_id: int, block: bytes, flags: int) -> None:
        """A block over several frames, which nothing comes between."""
        pieces = [block[at : at + self.frame_bytes] for at in range(0, len(block), self.frame_bytes)]
        self.frames.append(frame(HEADERS, flags & ~END_HEADERS, stream_id, pieces[0]))
        for piece in pieces[1:-1]:
            self.frames.append(frame(CONTINUATION, 0, stream_id, piece))
        self.frames.append(frame(CONTINUATION, END_HEADERS, stream_id, pieces[-1]))
