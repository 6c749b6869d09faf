"""A call with any number of messages each way."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import grpc.aio

from weir.runtime.http2.stream import Stream
from weir.runtime.rpc.call_headers import Metadata, Status
from weir.runtime.rpc.client_call import CANCELLED, CODES, ClientCall, Connected, rpc_error
from weir.runtime.rpc.messages import PREFIX_BYTES, BadMessage, framed
from weir.runtime.rpc.turns import Turns


class StreamCall(ClientCall):
    """A call with any number of messages each way."""

    def __init__(self, bytes_max: int, request_bytes_max: int, timeout_s: float | None) -> None:
        """bytes_max, request_bytes_max: largest message of the answer, and of the request. timeout_s: time that the call has."""
        super().__init__(bytes_max, timeout_s)
        self._request_bytes_max = request_bytes_max
        self._loop = asyncio.get_running_loop()
        self._messages: deque[bytes] = deque()
        self._unread = 0
        self._turns = Turns()
        self._waiting: set[asyncio.Future[None]] = set()
        self._feeding: asyncio.Task[None] | None = None

    def begin(self, connected: Connected, block: bytes) -> Stream:
        """Send the headers on a connection; whoever waited to write may."""
        stream = super().begin(connected, block)
        self._wake()
        return stream

    def feed(self, requests: AsyncIterator[bytes]) -> None:
        """Send these messages as they come, and then the end."""
        self._feeding = self._loop.create_task(self._feed(requests))

    async def write(self, message: bytes) -> None:
        """Send a message; returns once it is with the socket. Raises AioRpcError when the call is over."""
        await self._until(lambda: self.stream is not None)
        assert self.stream is not None
        assert self._connected is not None
        try:
            body = framed(message, self._request_bytes_max)
        except BadMessage as bad:
            self._give_up(Status(bad.code, bad.text, ()))
        if self.status is not None:
            raise rpc_error(self.status)
        self._connected.end.send_data(self.stream, body)
        self._connected.flush_soon()
        await self._until(lambda: not self.stream or not self.stream.unsent_bytes)
        await self._turns.give()

    async def done_writing(self) -> None:
        """Say that no more messages come."""
        if self.status is None:
            await self._until(lambda: self.stream is not None)
        if self.status is None and self.stream is not None and self._connected is not None:
            self._connected.end.send_data(self.stream, b"", is_end=True)
            self._connected.flush_soon()

    async def read(self) -> Any:
        """The next message of the answer; grpc.aio.EOF after the last. Raises AioRpcError where the call failed."""
        await self._until(lambda: bool(self._messages) or self.status is not None, is_read=True)
        if self._messages:
            message = self._messages.popleft()
            self._unread -= PREFIX_BYTES + len(message)
            self._replenish()
            await self._turns.give()
            return self._unpacked(message)
        assert self.status is not None
        if self.status.code:
            raise rpc_error(self.status)
        return grpc.aio.EOF

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (message := await self.read()) is not grpc.aio.EOF:
            yield message

    async def code(self) -> grpc.StatusCode:
        """The status, once the call is over."""
        return CODES[(await self._over()).code]

    async def details(self) -> str:
        """The status's text, once the call is over."""
        return (await self._over()).details

    async def trailing_metadata(self) -> Metadata:
        """What the trailers said beside the status, once the call is over."""
        return (await self._over()).metadata

    def cancel(self) -> bool:
        """Stop the call."""
        if self.status is not None:
            return False
        self._give_up(Status(CANCELLED, "Locally cancelled by application!", ()))
        return True

    def sent(self) -> None:
        """What waited for the server's window is with the socket."""
        self._wake()

    def _unpacked(self, message: bytes) -> bytes:
        try:
            return self._reader.unpacked(message)
        except BadMessage as bad:
            status = Status(bad.code, bad.text, ())
            self._messages.clear()
            self._give_up(status)
            raise rpc_error(status) from bad

    async def _feed(self, requests: AsyncIterator[bytes]) -> None:
        try:
            async for message in requests:
                await self.write(message)
            await self.done_writing()
        except grpc.aio.AioRpcError:
            return  # who reads the answer hears of it
        except Exception:
            self.cancel()
            raise

    async def _over(self) -> Status:
        await self._until(lambda: self.status is not None, is_read=True)
        assert self.status is not None
        return self.status

    async def _until(self, is_so: Callable[[], bool], *, is_read: bool = False) -> None:
        """Wait until something is so. Raises AioRpcError when the call ends before, unless what is waited for is its end."""
        while not is_so():
            if self.status is not None and not is_read:
                raise rpc_error(self.status)
            waiter = self._loop.create_future()
            self._waiting.add(waiter)
            try:
                await waiter
            finally:
                self._waiting.discard(waiter)

    def _take(self, message: bytes) -> None:
        self._messages.append(message)
        self._unread += PREFIX_BYTES + len(message)
        self._wake()

    def _ended(self, status: Status) -> None:
        if self._feeding is not None and not self._feeding.done() and self._feeding is not asyncio.current_task():
            self._feeding.cancel()
        self._wake()

    def _unread_bytes(self) -> int:
        return self._unread

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
