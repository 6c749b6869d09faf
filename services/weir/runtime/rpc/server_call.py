"""One call at the server: what its handler sees of it, and what comes on its stream.

It has the part of grpc.aio's ServicerContext that Weir's handlers use, and behaves as that one does: a handler whose client
goes away, or whose deadline passes, is cancelled.

Law: a call ends once, with one status. Bytes that nobody reads are bounded by the stream's window: the client may send the
rest of a message only while a handler waits for it, so a caller who is refused before that sends no more than a window, and
nothing of that is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from typing import Any, NoReturn, Protocol

import grpc
import grpc.aio

from weir.runtime.http2.faults import ErrorCode
from weir.runtime.http2.header_blocks import HeaderList
from weir.runtime.http2.server_end import ServerEnd
from weir.runtime.http2.stream import Stream
from weir.runtime.rpc.call_headers import RESPONSE_BLOCK, Asked, Metadata, metadata_block, status_block
from weir.runtime.rpc.messages import PREFIX_BYTES, BadMessage, MessageReader, framed
from weir.runtime.rpc.metrics import LOST_CALLS
from weir.runtime.rpc.turns import Turns
from weir.runtime.telemetry.logs import logger

INTERNAL, DEADLINE_EXCEEDED, UNKNOWN, UNAVAILABLE = 13, 4, 2, 14
"""gRPC status codes that the server itself gives."""


HEARD_S = 0.05
"""Seconds that a refusal waits for the client's first bytes. grpc's own clients take it for an error of their first write when
it comes before that. Arbitrary; any value from 0.01 to 0.2 would do: they are sent right behind the headers."""


class Connected(Protocol):
    """The connection of a call."""

    end: ServerEnd
    peer: str
    """The client as gRPC names it, such as ipv4:127.0.0.1:54321."""

    def let_go(self, stream: Stream) -> None:
        """The answer is whole: what the client still sends is dropped, and before long it is asked to stop."""

    def may_wait(self) -> bool:
        """Whether a refusal may wait for its client's first bytes; `waited` ends it."""

    def waited(self) -> None:
        """A refusal waits no more."""

    def flush_soon(self) -> None:
        """Write what is to be written, once the calls that are ready now have said what they have to say."""

    def flush_later(self) -> None:
        """Write it with what comes next, or after a moment."""


class ServerCall:
    """A call from its headers to its status."""

    def __init__(
        self, connected: Connected, stream: Stream, asked: Asked, message_bytes_max: int, answer_bytes_max: int
    ) -> None:
        """message_bytes_max, answer_bytes_max: largest message that is received, and that is sent."""
        self.asked = asked
        self.task: asyncio.Task[None] | None = None
        self._connected = connected
        self._stream = stream
        self._messages: deque[bytes] = deque()
        self._unread_bytes = 0
        self._reader = MessageReader(message_bytes_max, asked.encoding)
        self._answer_bytes_max = answer_bytes_max
        self._loop = asyncio.get_running_loop()
        self._is_half_closed = False
        self._has_heard = False
        self._bad: BadMessage | None = None
        self._reading: asyncio.Future[None] | None = None
        self._hearing: asyncio.Future[None] | None = None
        """Of a refusal that waits for the client's first bytes."""
        self._writing: asyncio.Future[None] | None = None
        self._has_begun = False
        self._turns = Turns()
        self._is_over = False
        self._is_left = False
        self._initial: bytes = b""
        self._trailing: Metadata = ()
        self._serialize: Any = None
        self._deserialize: Any = None
        self._aborted: tuple[int, str, Metadata] | None = None
        self._deadline_s = None if asked.timeout_s is None else self._loop.time() + asked.timeout_s
        self._timer = None if self._deadline_s is None else self._loop.call_at(self._deadline_s, self._expire)

    # What a handler sees

    def invocation_metadata(self) -> Metadata:
        """The client's metadata, names in lower case."""
        return self.asked.metadata

    def peer(self) -> str:
        """The client's address as gRPC writes it."""
        return self._connected.peer

    def time_remaining(self) -> float | None:
        """Seconds until the client's deadline, 0 at least; None where it set none."""
        return None if self._deadline_s is None else max(0.0, self._deadline_s - self._loop.time())

    @property
    def has_message(self) -> bool:
        """Whether `read` has a message without waiting for the client."""
        return bool(self._messages)

    async def read(self) -> Any:
        """The next message, as bytes unless its handler has a deserializer; grpc.aio.EOF after the last.

        Raises BadMessage for a body that holds none, or one that is too large.
        """
        while not self._messages:
            if self._bad is not None:
                raise self._bad
            if self._is_half_closed:
                return grpc.aio.EOF
            self._reading = self._loop.create_future()
            self._replenish(is_awaited=True)
            await self._reading
        await self._turns.give()
        if not self._messages:
            return await self.read()  # the call ended meanwhile
        message = self._messages.popleft()
        self._unread_bytes -= PREFIX_BYTES + len(message)
        self._replenish()
        message = self._unpacked(message)
        return message if self._deserialize is None else self._deserialize(message)

    async def write(self, message: Any) -> None:
        """Send a message; returns once it is with the socket, so a client that reads slowly slows its handler alone.

        Raises grpc.aio.InternalError when the call is over, BadMessage for a message that is too large.
        """
        if self._is_over:
            raise grpc.aio.InternalError("the call is over")
        self._begin()
        data = message if self._serialize is None else self._serialize(message)
        self._connected.end.send_data(self._stream, framed(data, self._answer_bytes_max))
        self._connected.flush_soon()
        if self._stream.unsent_bytes:
            self._writing = self._loop.create_future()
            await self._writing
        else:
            await self._turns.give()

    async def send_initial_metadata(self, metadata: Metadata) -> None:
        """Send the headers of the answer, with its first message if that comes in a moment: that saves a packet.

        Raises grpc.aio.InternalError when the call is over.
        """
        if self._is_over:
            raise grpc.aio.InternalError("the call is over")
        self._initial = metadata_block(metadata)
        self._begin()
        self._connected.flush_later()

    def set_trailing_metadata(self, metadata: Metadata) -> None:
        """What the trailers say beside the status."""
        self._trailing = metadata

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Metadata = ()) -> NoReturn:
        """End the call with a status that is no success. Always raises."""
        self._aborted = int(code.value[0]), details, trailing_metadata or self._trailing
        raise grpc.aio.AbortError("Locally aborted.")

    async def messages(self) -> AsyncIterator[bytes]:
        """The client's messages, as they come."""
        while (message := await self.read()) is not grpc.aio.EOF:
            yield message

    # What comes on the stream

    def receive_headers(self, headers: HeaderList, *, is_end: bool) -> None:
        """Trailers of a request mean nothing in gRPC but its end."""
        self.receive_data(b"", is_end=is_end)

    def receive_data(self, data: bytes, *, is_end: bool) -> None:
        """A piece of the body."""
        self._has_heard = True
        if self._hearing is not None and not self._hearing.done():
            self._hearing.set_result(None)
        if self._is_over or self._hearing is not None or self._bad is not None:
            return
        try:
            for message in self._reader.read(data):
                self._messages.append(message)
                self._unread_bytes += PREFIX_BYTES + len(message)
            if is_end and self._reader.partial_bytes:
                raise BadMessage(INTERNAL, "the body ends inside a message")
        except BadMessage as bad:
            self._bad = bad
        self._is_half_closed = is_end
        if self._reading is not None and (self._messages or is_end or self._bad is not None):
            if not self._reading.done():
                self._reading.set_result(None)
            self._reading = None
        elif self._bad is None:
            self._replenish(is_awaited=self._reading is not None)

    def receive_reset(self, code: int, text: str) -> None:
        """Nobody waits for the answer any more."""
        self._is_over = True
        self._left()

    def sent(self) -> None:
        """What waited for the client's window is with the socket."""
        if self._writing is not None and not self._writing.done():
            self._writing.set_result(None)
        self._writing = None

    # How it is served and how it ends

    async def serve(self, handler: Any) -> None:
        """Run the handler of the call's method to its end."""
        ended: tuple[int, str, Metadata] = UNAVAILABLE, "the server is stopping", ()
        try:
            ended = await self._outcome(handler)
            if ended[0] and not self._has_heard and self._connected.may_wait():
                await self._hear()
        finally:
            self.end(*ended)

    async def _outcome(self, handler: Any) -> tuple[int, str, Metadata]:
        """The status that the handler's end means, its text, and the metadata behind it."""
        try:
            await self._answer(handler)
        except grpc.aio.AbortError:
            assert self._aborted is not None, "abort() says why"
            return self._aborted
        except BadMessage as bad:
            return bad.code, bad.text, self._trailing
        except Exception as error:  # noqa: BLE001  # the boundary: one call's fault ends one call, and is logged
            LOST_CALLS.inc()
            logger().error("rpc_handler_failed", path=self.asked.path, exc_info=error)
            text = f"the handler failed ({type(error).__name__}); the server's log says why"
            return UNKNOWN, text, self._trailing
        return 0, "", self._trailing

    async def _hear(self) -> None:
        """Wait a moment for the first bytes of the client, which are dropped; the call counts as over meanwhile."""
        self._hearing = self._loop.create_future()
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(HEARD_S):
                    await self._hearing
        finally:
            self._connected.waited()

    def end(self, code: int, details: str = "", trailing: Metadata = ()) -> None:
        """Tell the client how the call ended, once."""
        if self._is_over:
            return
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if code:
            self._connected.end.drop_unsent(self._stream)
        block = status_block(code, details, trailing)
        if not self._has_begun:
            block = RESPONSE_BLOCK + self._initial + block
        self._connected.end.send_headers(self._stream, block, is_end=True)
        self._connected.let_go(self._stream)
        self._connected.flush_soon()

    async def _answer(self, handler: Any) -> None:
        self._deserialize, self._serialize = handler.request_deserializer, handler.response_serializer
        asked: Any = self.messages() if handler.request_streaming else await self.read()
        if asked is grpc.aio.EOF:
            await self.abort(grpc.StatusCode.INTERNAL, "the call ended without a message; send one")
        if not handler.response_streaming:
            behaviour = handler.stream_unary if handler.request_streaming else handler.unary_unary
            await self.write(await behaviour(asked, self))
            return
        answers = (handler.stream_stream if handler.request_streaming else handler.unary_stream)(asked, self)
        if not hasattr(answers, "__aiter__"):
            await answers
            return
        async with aclosing(answers):
            async for reply in answers:
                await self.write(reply)

    def _unpacked(self, message: bytes) -> bytes:
        try:
            return self._reader.unpacked(message)
        except BadMessage as bad:
            self._bad = bad
            self._messages.clear()
            raise

    def _begin(self) -> None:
        if not self._has_begun:
            self._has_begun = True
            self._connected.end.send_headers(self._stream, RESPONSE_BLOCK + self._initial)

    def _replenish(self, *, is_awaited: bool = False) -> None:
        """Let the client send on: as much as was read, and the whole of a message that a handler waits for."""
        window = self._connected.end.limits.stream_window_bytes
        left = self._stream.receive_window
        if left > window // 2 and not (is_awaited and left < self._reader.missing_bytes):
            return
        wanted = window - self._unread_bytes - self._reader.partial_bytes
        if is_awaited:
            wanted = max(wanted, self._reader.missing_bytes)
        if wanted > left:
            self._connected.end.grant(self._stream, wanted - left)
            self._connected.flush_soon()

    def _expire(self) -> None:
        self._give_up(DEADLINE_EXCEEDED, "Deadline Exceeded")

    def _give_up(self, code: int, details: str) -> None:
        """End the call while its handler works. Data that the client did not take would hold the stream: it is dropped."""
        if self._stream.unsent:
            self._is_over = True
            self._connected.end.reset(self._stream.id, ErrorCode.CANCEL)
            self._connected.flush_soon()
        self.end(code, details)
        self._left()

    def _left(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._messages.clear()
        self._unread_bytes = 0
        if self.task is not None and not self._is_left:
            self._is_left = True  # once: the first cancellation lets the handler end what it holds
            self.task.cancel()
