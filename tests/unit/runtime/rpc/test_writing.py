"""What a connection writes stays bounded, also where its transport says late that it is full."""

from __future__ import annotations

import pytest

from harness.http2.noted import Noted
from weir.runtime.http2 import frames
from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.rpc.writing import write_out

UNREAD_BYTES_MAX = 100_000


class Transport:
    """uvloop's, in a turn of the loop in which its socket takes nothing: it pauses nobody before the turn is over."""

    def __init__(self) -> None:
        self.kept = b""
        self.is_closed = False

    def write(self, data: bytes) -> None:
        """Keep the bytes."""
        assert data, "a write of nothing"
        self.kept += data

    def get_write_buffer_size(self) -> int:
        """Bytes that are kept."""
        return len(self.kept)

    def is_closing(self) -> bool:
        """Whether it was closed."""
        return self.is_closed


@pytest.fixture
def end() -> ClientEnd:
    """An end with 8 MB to send, to a peer that would take all of it."""
    end = ClientEnd(Http2Limits(unread_bytes_max=UNREAD_BYTES_MAX))
    end.receive(frames.settings_frame({frames.INITIAL_WINDOW_SIZE: 2**30}) + frames.window_update(0, 2**30), 0.0)
    end.send_data(end.open(Noted(), b"block"), bytes(8_000_000), is_end=True)
    return end


def test_no_more_is_written_than_the_transport_may_keep(end: ClientEnd) -> None:
    transport = Transport()

    for _ in range(3):
        assert write_out(end.outlet, transport, UNREAD_BYTES_MAX)
        assert UNREAD_BYTES_MAX < len(transport.kept) < 2.5 * UNREAD_BYTES_MAX
        transport.kept = b""


def test_all_of_it_is_written_in_the_end(end: ClientEnd) -> None:
    transport, written = Transport(), 0

    while write_out(end.outlet, transport, UNREAD_BYTES_MAX):
        written += len(transport.kept)
        transport.kept = b""

    assert written + len(transport.kept) > 8_000_000
    assert not end.outlet.frames
    assert end.streams[1].unsent_bytes == 0


def test_a_transport_that_said_that_it_is_full_says_when_it_is_not(end: ClientEnd) -> None:
    transport = Transport()
    end.outlet.is_paused = True

    assert not write_out(end.outlet, transport, UNREAD_BYTES_MAX)
    assert len(transport.kept) < 2.5 * UNREAD_BYTES_MAX


def test_nothing_is_written_to_a_closed_one(end: ClientEnd) -> None:
    transport = Transport()
    transport.is_closed = True

    assert not write_out(end.outlet, transport, UNREAD_BYTES_MAX)
    assert transport.kept == b""
