"""An answer, streamed or whole, that holds its slot among the calls in flight until it ended, however it ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing

from starlette.responses import JSONResponse, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from weir.gateway.adapters.metrics import SLOW_CLIENTS
from weir.runtime.telemetry.logs import logger


class HeldResponse(StreamingResponse):
    """Server-sent events from a generator that is always closed: by its end, by the client, by the write deadline."""

    def __init__(self, events: AsyncGenerator[bytes], write_timeout_s: float) -> None:
        """write_timeout_s: seconds in which the client must make room for more of the answer."""
        super().__init__(events, media_type="text/event-stream", headers={"cache-control": "no-store"})
        self._events = events
        self._write_timeout_s = write_timeout_s
        self._slot: AbstractContextManager[object] | None = None

    def hold(self, slot: AbstractContextManager[object]) -> None:
        """Take over a slot that is given back when the answer ended."""
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer. A client that does not read in time is let go: its call is recorded as cancelled."""

        async def send_in_time(message: Message) -> None:
            async with asyncio.timeout(self._write_timeout_s):
                await send(message)

        assert self._slot is not None, "hold() comes first"
        with self._slot:
            async with aclosing(self._events):
                try:
                    await super().__call__(scope, receive, send_in_time)
                except* TimeoutError:
                    SLOW_CLIENTS.inc()
                    logger().warning("slow_client_cut", seconds=self._write_timeout_s)


class HeldJson(JSONResponse):
    """A whole answer; its call's slot and bytes are given back once it was written, or its client was let go."""

    def __init__(self, content: object, write_timeout_s: float) -> None:
        """write_timeout_s: seconds in which the client must take the answer; then its connection is closed too."""
        super().__init__(content)
        self._write_timeout_s = write_timeout_s
        self._slot: AbstractContextManager[object] | None = None

    def hold(self, slot: AbstractContextManager[object]) -> None:
        """Take over a slot that is given back when the answer was written."""
        self._slot = slot

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and wait until the connection took it: a server that buffers says so at the next message."""
        assert self._slot is not None, "hold() comes first"
        with self._slot:
            try:
                async with asyncio.timeout(self._write_timeout_s):
                    await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                    await send({"type": "http.response.body", "body": self.body, "more_body": True})
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
            except TimeoutError:
                SLOW_CLIENTS.inc()
                logger().warning("slow_client_cut", seconds=self._write_timeout_s)
