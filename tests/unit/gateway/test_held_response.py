"""However a streamed answer ends, its generator is closed and its slot among the calls in flight is given back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress

import pytest
from starlette.types import Message, Receive, Send

from harness.waiting import PATIENCE_S
from weir.gateway.api.openai.held_response import HeldJson, HeldStream

SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}}
SOON_S = 0.01


class Answer:
    """An endless answer and a slot, and what became of both."""

    def __init__(self, pieces: int | None = None) -> None:
        self.is_closed = False
        self.is_held = False
        self.pieces = pieces

    async def events(self) -> AsyncGenerator[bytes]:
        sent = 0
        try:
            while self.pieces is None or sent < self.pieces:
                yield b"data: more\n\n"
                sent += 1
                await asyncio.sleep(0)
        finally:
            self.is_closed = True

    @contextmanager
    def slot(self) -> Iterator[None]:
        self.is_held = True
        try:
            yield
        finally:
            self.is_held = False

    async def sent(self, receive: Receive, send: Send) -> None:
        response = HeldStream(self.events(), SOON_S)
        response.hold(self.slot())
        await asyncio.wait_for(response(SCOPE, receive, send), PATIENCE_S)


async def stays() -> Message:
    await asyncio.Event().wait()
    raise AssertionError("never")


async def goes_away() -> Message:
    return {"type": "http.disconnect"}


async def reads(message: Message) -> None:
    """Takes everything."""


async def never_reads(message: Message) -> None:
    if message["type"] == "http.response.body":
        await asyncio.Event().wait()


async def breaks(message: Message) -> None:
    if message["type"] == "http.response.body":
        raise ZeroDivisionError("a bug in the server")


@pytest.mark.parametrize(
    ("pieces", "receive", "send"),
    [(3, stays, reads), (None, goes_away, reads), (None, stays, never_reads)],
    ids=["its end", "a client that goes away", "a client that does not read"],
)
async def test_it_lets_go_at(pieces: int | None, receive: Receive, send: Send) -> None:
    answer = Answer(pieces)

    await answer.sent(receive, send)

    assert answer.is_closed or receive is goes_away  # who is gone at once never began the generator
    assert not answer.is_held


async def test_an_error_is_passed_on_and_lets_go_too() -> None:
    answer = Answer()

    with pytest.raises(ZeroDivisionError):
        await answer.sent(stays, breaks)

    assert (answer.is_closed, answer.is_held) == (True, False)


async def gone(message: Message) -> None:
    """A connection that ended while the answer was written."""
    raise ConnectionResetError(message["type"])


@pytest.mark.parametrize("send", [reads, never_reads, breaks, gone])
async def test_a_whole_answer_lets_its_place_go_however_it_ends_and_not_before(send: Send) -> None:
    slot, held = Answer(), list[bool]()

    async def noting(message: Message) -> None:
        held.append(slot.is_held)
        await send(message)

    response = HeldJson({"a": 1}, SOON_S)
    response.hold(slot.slot())
    with suppress(ZeroDivisionError, ConnectionResetError):
        await asyncio.wait_for(response(SCOPE, stays, noting), PATIENCE_S)

    assert all(held)
    assert not slot.is_held
