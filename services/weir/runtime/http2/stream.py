"""One stream of a connection, and who receives what comes on it."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.header_blocks import HeaderList


class Receiver(Protocol):
    """Who takes what comes on a stream. None of its methods may raise, and none is called after `receive_reset`."""

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """The headers of a response, or trailers. is_end: nothing comes after them."""

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """Bytes of the body, in order. is_end: nothing comes after them."""

    def receive_reset(self, code: int, text: str) -> None:
        """The stream is over before its time: the peer or we ended it, or the connection is lost (faults.LOST). text: why, where
        we know."""

    def sent(self) -> None:
        """All that waited to be sent on the stream is on its way."""


class Stream:
    """State of one stream."""

    __slots__ = (
        "content_bytes_left", "id", "is_local_ended", "is_remote_ended", "is_waiting", "receive_window", "receiver",
        "send_window", "unsent", "unsent_bytes",
    )  # fmt: skip

    def __init__(self, stream_id: int, receiver: Receiver, send_window: int, receive_window: int) -> None:
        self.id = stream_id
        self.receiver = receiver
        self.send_window = send_window
        """Bytes of data that the peer still takes on the stream; below 0 after it made its window smaller."""
        self.receive_window = receive_window
        """Bytes of data that the peer may still send on the stream."""
        self.unsent: deque[tuple[memoryview, bytes | None]] | None = None
        """Data that waits for a window, and the block of trailers that ends it (b"" for none; None where more follows)."""
        self.unsent_bytes = 0
        self.is_waiting = False
        """Whether the stream waits for its turn to send."""
        self.content_bytes_left: int | None = None
        """Content that is still to come: of the length that a request gave; 0 before the headers of a response; None for any."""
        self.is_local_ended = False
        self.is_remote_ended = False


class NoReceiver:
    """Receives what nobody waits for."""

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """Nothing."""

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """Nothing."""

    def receive_reset(self, code: int, text: str) -> None:
        """Nothing."""

    def sent(self) -> None:
        """Nothing."""


NOBODY = NoReceiver()


def code_name(code: int) -> str:
    """Name of an error code; its number where the protocol has no name for it."""
    try:
        return ErrorCode(code).name
    except ValueError:
        return str(code)
