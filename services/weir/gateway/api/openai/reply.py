"""The answer to one call, whole or as server-sent events. Its client takes it in time, or is let go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager

from starlette.types import Send

from weir.gateway.adapters.metrics import SLOW_CLIENTS
from weir.runtime.telemetry.logs import logger

HTTP_OK = 200
"""Specified by RFC 9110."""

END = {"type": "http.response.body", "body": b"", "more_body": False}


class Reply:
    """What is sent to one client."""

    def __init__(self, send: Send, write_timeout_s: float) -> None:
        """write_timeout_s: time in which the client must take an event, or all of a whole answer."""
        self._send = send
        self._write_timeout_s = write_timeout_s
        self.has_begun = False
        """Whether some of it was sent: no other answer can follow."""

    async def whole(self, body: bytes, headers: Sequence[tuple[str, str]]) -> None:
        """Send JSON, and wait until the connection took it: a server that buffers says so at the next message."""
        with self._letting_go():
            async with asyncio.timeout(self._write_timeout_s):
                await self._begin("application/json", [("content-length", str(len(body))), *headers])
                await self._send({"type": "http.response.body", "body": body, "more_body": True})
                await self._send(END)

    async def events(self, events: AsyncGenerator[bytes], headers: Sequence[tuple[str, str]]) -> None:
        """Send events as they come, each in a message of its own. The generator is closed, however this ends."""
        now_s = asyncio.get_running_loop().time
        async with aclosing(events):
            with self._letting_go():
                async with asyncio.timeout(None) as deadline:
                    await self._begin("text/event-stream; charset=utf-8", [("cache-control", "no-store"), *headers])
                    async for event in events:
                        deadline.reschedule(now_s() + self._write_timeout_s)
                        await self._send({"type": "http.response.body", "body": event, "more_body": True})
                        deadline.reschedule(None)
                    deadline.reschedule(now_s() + self._write_timeout_s)
                    await self._send(END)

    async def _begin(self, kind: str, headers: Sequence[tuple[str, str]]) -> None:
        self.has_begun = True
        sent = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in (("content-type", kind), *headers)]
        await self._send({"type": "http.response.start", "status": HTTP_OK, "headers": sent})

    @contextmanager
    def _letting_go(self) -> Iterator[None]:
        """A client that does not read in time is let go, counted and logged."""
        try:
            yield
        except TimeoutError:
            SLOW_CLIENTS.inc()
            logger().warning("slow_client_cut", seconds=self._write_timeout_s)
