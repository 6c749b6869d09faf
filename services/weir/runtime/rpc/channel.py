"""A channel to a gRPC server: one connection that is made on first use and again after a loss. It can stand where
`grpc.aio.insecure_channel()` stands.

A call that finds no connection starts one and waits for it; when it cannot be made, the calls that waited fail with
UNAVAILABLE, and for a pause that doubles up to `reconnect_s` new calls fail at once. A call whose connection is lost fails with
UNAVAILABLE. Nothing is sent twice. What the server's limit of streams does not take waits in order, until its deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from grpc import ChannelConnectivity

from weir.runtime.http2.client_end import ClientEnd
from weir.runtime.http2.faults import ConnectionFault
from weir.runtime.http2.frames import goaway
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.rpc.call_headers import Metadata, Status, metadata_block, request_block, timeout_header
from weir.runtime.rpc.client_call import UNAVAILABLE, ClientCall
from weir.runtime.rpc.messages import BadMessage, framed
from weir.runtime.rpc.stream_call import StreamCall
from weir.runtime.rpc.unary_call import UnaryCall
from weir.runtime.rpc.writing import Writing, write_out
from weir.runtime.tls.certificates import Certificates, speaks_h2

USER_AGENT = "weir"

RECONNECT_FIRST_S = 0.1
"""Seconds after the first failure before the next try."""

CLOSE_S = 1.0
"""Seconds that a server has to close its side of a connection. Arbitrary; any value from 0.1 to 2 would do: a way back."""

CONNECT_S = 5.0
"""Seconds that a connection may take until the server's settings came. Arbitrary; any value from 1 to 20 would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """Bounds of a channel."""

    http2: Http2Limits = field(default_factory=Http2Limits)
    message_bytes_max: int
    """Largest message that is received, bytes."""
    request_bytes_max: int
    """Largest message that is sent, bytes."""
    reconnect_s: float = 1.0
    """Longest pause between tries to connect, seconds."""
    certificates: Certificates | None = None
    """TLS to a server whose name they vouch for; None: no TLS."""


class Channel:
    """Calls of one server. Needs a running loop."""

    def __init__(self, address: str, options: ChannelOptions) -> None:
        """address: host:port."""
        self.address = address
        self.options = options
        self._loop = asyncio.get_running_loop()
        self.connections: set[ClientConnection] = set()
        """Those that are open, the one in use and those that are being closed."""
        self._connection: ClientConnection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._waiting: dict[int, tuple[ClientCall, Callable[[ClientConnection], None]]] = {}  # in the order they came
        self._failed_until_s = 0.0
        self._pause_s = RECONNECT_FIRST_S
        self._last_error = ""
        self._is_closed = False

    def unary_unary(self, path: str) -> Callable[..., UnaryCall]:
        """A method with one message each way: call it with the message, `timeout` and `metadata`."""
        head = request_block(path, self.address, USER_AGENT, is_secure=self.options.certificates is not None)

        def call(message: bytes, *, timeout: float | None = None, metadata: Metadata = ()) -> UnaryCall:
            made = UnaryCall(self.options.message_bytes_max, timeout)
            block = _block(head, timeout, metadata)
            try:
                body = framed(message, self.options.request_bytes_max)
            except BadMessage as bad:
                self._loop.call_soon(made.fail, Status(bad.code, bad.text, ()))
                return made

            def send(connection: ClientConnection) -> None:
                connection.end.send_data(made.begin(connection, block), body, is_end=True)

            self._start(made, send)
            return made

        return call

    def stream_stream(self, path: str) -> Callable[..., StreamCall]:
        """A method with any number of messages each way."""
        head = request_block(path, self.address, USER_AGENT, is_secure=self.options.certificates is not None)

        def call(
            requests: AsyncIterator[bytes] | None = None, *, timeout: float | None = None, metadata: Metadata = ()
        ) -> StreamCall:
            made = StreamCall(self.options.message_bytes_max, self.options.request_bytes_max, timeout)
            block = _block(head, timeout, metadata)

            def send(connection: ClientConnection) -> None:
                made.begin(connection, block)

            self._start(made, send)
            if requests is not None:
                made.feed(requests)
            return made

        return call

    def get_state(self, try_to_connect: bool = False) -> ChannelConnectivity:  # grpc's own signature
        """How the connection is, in gRPC's words."""
        if self._is_closed:
            return ChannelConnectivity.SHUTDOWN
        if self._connection is not None:
            return ChannelConnectivity.READY
        if self._connecting is not None:
            return ChannelConnectivity.CONNECTING
        state = ChannelConnectivity.TRANSIENT_FAILURE if self._last_error else ChannelConnectivity.IDLE
        if try_to_connect and self._loop.time() >= self._failed_until_s:
            self._connect()
        return state

    async def close(self) -> None:
        """Close the connection; calls under way fail."""
        self._is_closed = True
        if self._connecting is not None:
            self._connecting.cancel()
        self._fail_waiting("the channel is closed")
        await asyncio.gather(*[connection.close_and_wait() for connection in self.connections])

    def lost(self, connection: ClientConnection) -> None:
        """A connection takes no more calls: the next one begins another."""
        if self._connection is connection:
            self._connection = None
            if self._waiting and not self._is_closed:
                self._connect()

    def advance(self, connection: ClientConnection) -> None:
        """Send calls that waited for a stream, as far as there are any."""
        while self._waiting and connection is self._connection and connection.end.can_open():
            call, send = self._waiting.pop(next(iter(self._waiting)))
            call.leave_queue = None
            send(connection)

    def _start(self, call: ClientCall, send: Callable[[ClientConnection], None]) -> None:
        connection = self._connection
        if connection is not None and not self._waiting and connection.end.can_open():
            send(connection)
            return
        if connection is None:
            if self._is_closed or self._loop.time() < self._failed_until_s:
                self._loop.call_soon(call.fail, self._unavailable())
                return
            self._connect()
        self._wait(call, send)

    def _wait(self, call: ClientCall, send: Callable[[ClientConnection], None]) -> None:
        self._waiting[id(call)] = call, send
        call.leave_queue = lambda: self._waiting.pop(id(call), None)

    def _connect(self) -> None:
        if self._connecting is None:
            self._connecting = self._loop.create_task(self._connected())

    async def _connected(self) -> None:
        host, _, port = self.address.rpartition(":")
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(CONNECT_S):
                tls = self.options.certificates
                transport, connection = await self._loop.create_connection(
                    lambda: ClientConnection(self),
                    host.strip("[]"),
                    int(port),
                    ssl=None if tls is None else tls.current().context,
                )
                if not speaks_h2(transport):
                    raise OSError("the server's TLS does not offer h2 by ALPN; is it a gRPC server?")
                await connection.settled.wait()
                if connection.lost.is_set() or connection.end.is_going:
                    raise connection.error or OSError("the server closed the connection before it took a call")
        except (OSError, TimeoutError) as error:
            self._failed(f"{type(error).__name__}: {error}")
        else:
            self._connection, self._last_error, self._pause_s = connection, "", RECONNECT_FIRST_S
            self.advance(connection)
        finally:
            self._connecting = None
            if connection is not None and connection is not self._connection:
                connection.close()

    def _failed(self, error: str) -> None:
        self._last_error = error
        self._failed_until_s = self._loop.time() + self._pause_s
        self._pause_s = min(2 * self._pause_s, self.options.reconnect_s)
        self._fail_waiting("")

    def _fail_waiting(self, text: str) -> None:
        calls, self._waiting = [call for call, _ in self._waiting.values()], {}
        status = Status(UNAVAILABLE, text, ()) if text else self._unavailable()
        for call in calls:
            call.fail(status)

    def _unavailable(self) -> Status:
        return Status(UNAVAILABLE, f"failed to connect to {self.address}; last error: {self._last_error}", ())


class ClientConnection(Writing):
    """The connection of a channel."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self.end: ClientEnd = ClientEnd(channel.options.http2)
        self.settled = asyncio.Event()
        """Set once the server's settings came, or the connection is lost."""
        self.lost = asyncio.Event()
        self.error: Exception | None = None
        """Why it is lost, where that is known."""
        self._channel = channel

    def connection_made(self, transport: Any) -> None:
        """The server is there: say what we take."""
        self._channel.connections.add(self)
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes of the server."""
        end = self.end
        try:
            end.receive(data, self._loop.time())
        except ConnectionFault as fault:
            end.outlet.frames.append(goaway(0, fault.code, fault.text))
            self._flush()
            self._transport.close()
            end.lose(f"the server broke a rule of HTTP/2: {fault.text}")
            return
        if end.is_settled and not self.settled.is_set():
            self.settled.set()
        if end.is_going:
            self._channel.lost(self)
            if not end.streams:
                self._transport.close()
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        """The server is gone."""
        self.error = error
        self._channel.connections.discard(self)
        self.lost.set()
        self.settled.set()
        self._channel.lost(self)
        self.end.lose("Socket closed")

    def close(self) -> None:
        """Say good-bye, and close."""
        self.end.outlet.frames.append(goaway(0, 0))
        self._flush()
        self._transport.close()

    async def close_and_wait(self) -> None:
        """The same, and wait until the server closed its side, as one that speaks TLS does; for `CLOSE_S` at most."""
        self.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.lost.wait()
        except TimeoutError:
            self._transport.abort()

    def _flush(self) -> None:
        self._channel.advance(self)
        self._is_flush_due = False
        if write_out(self.end.outlet, self._transport, self._channel.options.http2.unread_bytes_max):
            self.flush_soon()


def _block(head: bytes, timeout_s: float | None, metadata: Metadata) -> bytes:
    block = head if timeout_s is None else head + timeout_header(timeout_s)
    return block + metadata_block(metadata) if metadata else block
