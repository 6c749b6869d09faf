"""What a connection sends: frames in order, data as far as the peer's windows allow, the rest waits on its stream.

Laws: no more data is sent than both windows allow. A stream's frames keep their order. Streams that wait take turns, a frame
each, so that a long answer delays the others by a frame. At most `room_bytes` of data are made into frames before the socket
has them, so a long message waits as it is, and while the socket takes nothing all data waits. What the peer asked for
(acknowledgements) is written all the same: whoever writes lets a peer go that asks and does not read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from weir.runtime.http2.frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
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

    def __init__(self, ended: Callable[[Stream], None], room_bytes: int) -> None:
        """ended: hears that the end of a stream, which had to wait, is sent. room_bytes: data between two `take`."""
        self.frames: list[bytes] = []
        """What is to be written next."""
        self.window = WINDOW_DEFAULT
        """Bytes of data that the peer takes on the connection."""
        self.frame_bytes = FRAME_BYTES
        """Largest payload that the peer takes."""
        self.is_paused = False
        """Whether the socket takes nothing at the moment."""
        self.data_frames = 0
        """DATA frames sent since somebody set this to 0."""
        self.must_empty_table = False
        """Whether the next block must say that our table is empty."""
        self._room_bytes = self._room = room_bytes
        self._waiting: deque[Stream] = deque()  # whose own window is open
        self._ended = ended

    def take(self) -> bytes:
        """What is to be written now. Call `pump` once it is written."""
        taken = b"".join(self.frames)
        self.frames.clear()
        self._room = self._room_bytes
        return taken

    def headers(self, stream: Stream, block: bytes, *, is_end: bool) -> None:
        """Send headers. They need no window, but they stay behind data of the same stream that waits for one."""
        if stream.unsent:
            stream.unsent.append((memoryview(b""), block))
        else:
            self._headers(stream, block, is_end=is_end)

    def data(self, stream: Stream, data: bytes, *, is_end: bool) -> None:
        """Send data, or what the windows allow of it; the rest waits."""
        size = len(data)
        if size <= self.window and size <= stream.send_window and size <= self.frame_bytes and size <= self._room and not (
            stream.unsent or self.is_paused or self._waiting
        ):  # fmt: skip
            self._room -= size
            self._data(stream, data, is_end=is_end)
        elif not size and not stream.unsent:
            self._data(stream, data, is_end=is_end)  # needs no window
        else:
            self._wait(stream, data, b"" if is_end else None)

    def pump(self) -> None:
        """Send what waits, as far as the windows and the socket allow now."""
        while self._waiting and self.window > 0 and self._room > 0 and not self.is_paused:
            stream = self._waiting.popleft()
            stream.is_waiting = False
            if stream.send_window > 0:
                self._send_next(stream)
                if stream.unsent:
                    self.resume(stream)
                else:
                    stream.receiver.sent()
                    if stream.is_local_ended:
                        self._ended(stream)

    def resume(self, stream: Stream) -> None:
        """Let a stream take turns, if data of it waits: it may have a window again."""
        if stream.unsent and not stream.is_waiting:
            stream.is_waiting = True
            self._waiting.append(stream)

    def forget(self, stream: Stream) -> None:
        """Drop what waits on a stream that is over."""
        stream.unsent = None
        stream.unsent_bytes = 0
        if stream.is_waiting:
            stream.is_waiting = False
            self._waiting.remove(stream)

    def _wait(self, stream: Stream, data: bytes, end: bytes | None) -> None:
        if stream.unsent is None:
            stream.unsent = deque()
        stream.unsent.append((memoryview(data), end))
        stream.unsent_bytes += len(data)
        self.resume(stream)
        self.pump()

    def _send_next(self, stream: Stream) -> None:
        """Send a frame of what waits on a stream, and what needs no window behind it."""
        assert stream.unsent is not None
        data, end = stream.unsent[0]
        size = min(len(data), self.frame_bytes, self.window, stream.send_window, self._room)
        stream.unsent_bytes -= size
        self._room -= size
        if size < len(data):
            stream.unsent[0] = (data[size:], end)
            self._data(stream, bytes(data[:size]), is_end=False)
            return
        stream.unsent.popleft()
        self._data(stream, bytes(data), is_end=end is not None)
        while stream.unsent and not stream.unsent[0][0]:
            _, end = stream.unsent.popleft()
            if end:
                self._headers(stream, end, is_end=True)
            else:
                self._data(stream, b"", is_end=end is not None)

    def _data(self, stream: Stream, data: bytes, *, is_end: bool) -> None:
        size = len(data)
        self.window -= size
        stream.send_window -= size
        self.data_frames += 1
        stream.is_local_ended = is_end
        self.frames.append(HEAD.pack(size >> 8, size & 255, DATA, is_end, stream.id))
        self.frames.append(data)

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
