"""However a streamed answer ends, its generator is closed; a whole one holds its call until it was taken."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path

import pytest
from starlette.requests import ClientDisconnect
from starlette.types import Message, Send

from harness.waiting import PATIENCE_S
from unit.gateway.doors import KEYS, doors
from weir.gateway.api.openai.reply import Reply
from weir.gateway.api.openai.routes import OpenAIHandlers
from weir.runtime.http.boundary import STAYS
from weir.runtime.http.departure import DEPARTURE, Departure

SOON_S = 0.01


class Answer:
    """An endless answer, and what became of it."""

    def __init__(self, pieces: int | None = None) -> None:
        self.is_closed = False
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

    async def sent(self, send: Send) -> None:
        await asyncio.wait_for(Reply(send, SOON_S).events(self.events(), ()), PATIENCE_S)


async def reads(message: Message) -> None:
    """Takes everything."""


async def never_reads(message: Message) -> None:
    if message["type"] == "http.response.body":
        await asyncio.Event().wait()


async def breaks(message: Message) -> None:
    if message["type"] == "http.response.body":
        raise ZeroDivisionError("a bug in the server")


@pytest.mark.parametrize(
    ("pieces", "send"), [(3, reads), (None, never_reads)], ids=["its end", "a client that does not read"]
)
async def test_it_lets_go_at(pieces: int | None, send: Send) -> None:
    answer = Answer(pieces)

    await answer.sent(send)

    assert answer.is_closed


async def test_it_lets_go_at_a_client_that_goes_away() -> None:
    answer, departure = Answer(), Departure()

    async def goes_away(message: Message) -> None:
        if message["type"] == "http.response.body":
            asyncio.get_running_loop().call_soon(departure.happen)

    with pytest.raises(ClientDisconnect), departure.cancels():
        await answer.sent(goes_away)

    assert answer.is_closed


async def test_an_error_is_passed_on_and_lets_go_too() -> None:
    answer = Answer()

    with pytest.raises(ZeroDivisionError):
        await answer.sent(breaks)

    assert answer.is_closed


async def gone(message: Message) -> None:
    """A connection that ended while the answer was written."""
    raise ConnectionResetError(message["type"])


@pytest.mark.parametrize("send", [reads, never_reads, breaks, gone])
async def test_a_whole_answer_lets_its_place_go_however_it_ends_and_not_before(tmp_path: Path, send: Send) -> None:
    held = list[int]()
    body = json.dumps({"model": "qa", "messages": [{"role": "user", "content": "a question"}]}).encode()
    headers = [(b"authorization", f"Bearer {KEYS['ada']}".encode()), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/", "query_string": b"", "headers": headers, DEPARTURE: STAYS}

    async def asks() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async with doors(tmp_path, write_timeout_s=SOON_S) as gateway:

        async def noting(message: Message) -> None:
            held.append(gateway.held[0])
            await send(message)

        with suppress(ZeroDivisionError, ConnectionResetError):
            await asyncio.wait_for(OpenAIHandlers(gateway.parts).chat(scope, asks, noting), PATIENCE_S)

        assert set(held) == {1}
        assert gateway.held == (0, 0, 0)
        assert gateway.ends() == [("ok", "")]
