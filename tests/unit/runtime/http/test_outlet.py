"""What is written in one turn of the loop is sent together, in order, and whole."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from weir.runtime.http.outlet import HELD_BYTES_MAX, Outlet


class Wire(asyncio.Transport):
    """A transport that keeps what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = list[bytes]()
        self.is_closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.is_closed
        self.sent.append(bytes(data))

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = True

    def is_closing(self) -> bool:
        return self.is_closed


def outlet() -> tuple[Wire, Outlet]:
    wire = Wire()
    return wire, Outlet(wire, asyncio.get_running_loop())


@given(turns=st.lists(st.lists(st.binary(max_size=HELD_BYTES_MAX // 2), max_size=4), max_size=4))
async def test_a_turn_is_one_write_unless_it_is_large(turns: list[list[bytes]]) -> None:
    wire, out = outlet()

    for turn in turns:
        before = len(wire.sent)
        for data in turn:
            out.write(data)
        await asyncio.sleep(0)
        written = b"".join(turn)
        assert b"".join(wire.sent[before:]) == written
        if len(written) <= HELD_BYTES_MAX:
            assert len(wire.sent) - before == bool(written)


async def test_who_never_gives_up_a_turn_holds_no_more_than_the_limit() -> None:
    wire, out = outlet()

    for _ in range(100):
        out.write(b"x" * (HELD_BYTES_MAX // 4))

    assert len(b"".join(wire.sent)) >= 99 * (HELD_BYTES_MAX // 4) - HELD_BYTES_MAX


async def test_what_was_written_before_a_close_is_sent_and_before_an_abort_is_not() -> None:
    (closed, out), (aborted, other) = outlet(), outlet()

    out.write(b"last words")
    out.close()
    other.write(b"last words")
    other.abort()
    await asyncio.sleep(0)

    assert (closed.sent, closed.is_closed) == ([b"last words"], True)
    assert (aborted.sent, aborted.is_closed) == ([], True)
