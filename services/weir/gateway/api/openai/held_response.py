"""An answer, streamed or whole, that holds its slot among the calls in flight until it ended, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager

from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from weir.gateway.adapters.metrics import SLOW_CLIENTS
from weir.runtime.telemetry.logs import logger


class HeldResponse(Response):
    """An answer whose call's slot and bytes are given back once it was written, or its client was let go."""

    write_timeout_s: float
    """Seconds in which the client must take a message of a stream, or all of a whole answer; then its connection is closed."""
    _slot: AbstractContextManager[object] | None = None

    def hold(self, slot: AbstractContextManager[object]) -> None:
        """Take over a slot that is given back when the answer ended."""
        self._slot = slot

    @contextmanager
    def held(self) -> Iterator[None]:
        """While the answer is written. A client that does not read in time is let go, counted and logged."""
        assert self._slot is not None, "hold() comes first"
        with self._slot:
            try:
                yield
            except* TimeoutError:
                SLOW_CLIENTS.inc()
                logger().warning("slow_client_cut", seconds=self.write_timeout_s)


class HeldStream(HeldResponse, StreamingResponse):
    """Server-sent events from a generator that is always closed: by its end, by the client, by the write deadline."""

    def __init__(self, events: AsyncGenerator[bytes], write_timeout_s: float) -> None:
        StreamingResponse.__init__(self, events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._events = events
        self.write_timeout_s = write_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. A client that does not read in time is let go: its call is recorded as cancelled."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self.write_timeout_s):
                await send(message)

        with self.held():
            async with aclosing(self._events):
                await StreamingResponse.__call__(self, scope, receive, send_in_time)


class HeldJson(HeldResponse, JSONResponse):
    """A whole answer."""

    def __init__(self, content: object, write_timeout_s: float) -> None:
        JSONResponse.__init__(self, content)
        self.write_timeout_s = write_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and wait until the connection took it: a server that buffers says so at the next message."""
        with self.held():
            async with asyncio.timeout(self.write_timeout_s):
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                await send({"type": "http.response.body", "body": self.body, "more_body": True})
                await send({"type": "http.response.body", "body": b"", "more_body": False})
