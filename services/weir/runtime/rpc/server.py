"""A gRPC server: listeners, connections, and a task for each call. It can stand where `grpc.aio.server()` stands.

Handlers are grpc's own (`grpc.GenericRpcHandler`). A connection that does not begin as HTTP/2 does, that breaks its rules or
floods us is closed, with the reason.

Law: only calls keep a connection. It is closed once no handler ran for `idle_s`, whatever else its client sent meanwhile: pings,
settings, refused calls and requests that are no calls.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from weir.runtime.http2.faults import ConnectionFault, ErrorCode
from weir.runtime.http2.frames import goaway
from weir.runtime.http2.header_blocks import HeaderList, literal
from weir.runtime.http2.limits import Http2Limits
from weir.runtime.http2.server_end import ServerEnd
from weir.runtime.http2.stream import NOBODY, Receiver, Stream
from weir.runtime.rpc.call_headers import RESPONSE_BLOCK, Asked, Metadata, read_request, status_block
from weir.runtime.rpc.messages import PREFIX_BYTES
from weir.runtime.rpc.metrics import BROKEN, CALLS_AT_ONCE, CONNECTIONS, REFUSED, UNREAD
from weir.runtime.rpc.server_call import ServerCall
from weir.runtime.rpc.writing import Writing, write_out
from weir.runtime.telemetry.logs import logger
from weir.runtime.tls.certificates import Certificates, speaks_h2
from weir.runtime.tls.listener import TlsListener

RESOURCE_EXHAUSTED, UNIMPLEMENTED = 8, 12
"""gRPC status codes that are said without a handler."""

LOOK_S = 1.0
"""Seconds between looks for connections that are idle, or do not finish what they began."""

TOGETHER_S = 0.005
"""Seconds that the headers of an answer wait for its first message. Arbitrary; any value from 0.001 to 0.05 would do: a client
that waits for the headers alone, for its request id, has them as soon as a person could see."""

LINGER_S = 1.0
"""Seconds in which a client may find out by itself that its call was answered before it had sent everything. Told at once, grpc's
own clients take the error of their next write for the answer. Arbitrary; any value from 0.5 to 10 would do."""

GONE_WITHIN_S = 1.0
"""Seconds that clients have to close their connections at a stop. Arbitrary; any value from 0.1 to 2 would do: a way back."""

GONE_S = 0.005
"""Seconds between looks whether they are gone. Arbitrary; any value from 0.001 to 0.1 would do."""

NO_ALPN_TEXT = "the client's TLS does not offer HTTP/2: this is a gRPC server, offer h2 by ALPN"

NO_CALL_TEXT = b"this is a gRPC server: send POST with content-type application/grpc\n"

REFUSALS_WAITING_MAX = 256
"""Refusals that wait for their clients' first bytes, of all connections; above it they are told at once. Arbitrary; any value
from 32 to 4,096 would do: a task each."""

BACKLOG = 512
"""Connections that wait to be accepted. Arbitrary; any value from 128 to 4,096 would do."""

UNREAD_FACTOR = 4
"""A connection whose socket holds so many times `unread_bytes_max` is let go: its peer asks and does not read."""


class CallDetails(NamedTuple):
    """What a generic handler is asked with; grpc's HandlerCallDetails."""

    method: str
    invocation_metadata: Metadata


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Bounds of a server."""

    http2: Http2Limits = field(default_factory=Http2Limits)
    message_bytes_max: int
    """Largest message that is received, bytes."""
    answer_bytes_max: int
    """Largest message that is sent, bytes."""
    calls_max: int
    """Calls at once, of all connections; one more is refused."""
    open_methods: frozenset[str] = frozenset()
    """Paths of methods that strangers may call: a message of theirs fits into what any stream may send, or is refused."""
    idle_s: float = 600.0
    """Seconds after the last call until its connection is closed."""


class Server:
    """Serves handlers on addresses."""

    def __init__(self, options: ServerOptions) -> None:
        self.options = options
        self.connections: set[ServerConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.refusals_waiting = 0
        """Refused calls whose clients are waited for, for a moment; they are no calls any more."""
        self._handlers: list[Any] = []
        self._sockets: list[tuple[socket.socket, Certificates | None]] = []
        self._listeners: list[asyncio.Server | TlsListener] = []
        self._looking: asyncio.Task[None] | None = None

    def add_generic_rpc_handlers(self, handlers: Iterable[Any]) -> None:
        """Serve what these handlers know; the first that knows a method has it."""
        self._handlers.extend(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Nothing: generated code registers its handlers as generic ones too."""

    def add_insecure_port(self, address: str) -> int:
        """Bind host:port; 0 takes a free port. Returns the port. Raises RuntimeError when it cannot be bound."""
        return self._bind(address, None)

    def add_secure_port(self, address: str, certificates: Certificates) -> int:
        """The same for connections that begin with TLS."""
        return self._bind(address, certificates)

    def _bind(self, address: str, certificates: Certificates | None) -> int:
        host, _, port = address.rpartition(":")
        listener: socket.socket | None = None
        try:
            family, kind, number, _, place = socket.getaddrinfo(
                host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = socket.socket(family, kind, number)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(place)
        except OSError as error:
            if listener is not None:
                listener.close()
            raise RuntimeError(f"cannot bind {address}: {error}") from error
        self._sockets.append((listener, certificates))
        return int(listener.getsockname()[1])

    async def start(self) -> None:
        """Listen."""
        CALLS_AT_ONCE.set_function(lambda: len(self.tasks))
        loop = asyncio.get_running_loop()
        for bound, certificates in self._sockets:
            self._listeners.append(
                await loop.create_server(lambda: ServerConnection(self), sock=bound, backlog=BACKLOG)
                if certificates is None
                else TlsListener(bound, BACKLOG, certificates, lambda: ServerConnection(self))
            )
        self._looking = asyncio.create_task(self._look())

    async def stop(self, grace_s: float | None) -> None:
        """Take no new connections and calls; let those in flight finish for `grace_s`, then cancel them."""
        for listener in self._listeners:
            listener.close()
        for connection in self.connections:
            connection.leave()
        if self.tasks and grace_s:
            await asyncio.wait(self.tasks, timeout=grace_s)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        if self._looking is not None:
            self._looking.cancel()
        for connection in list(self.connections):
            connection.close()
        deadline_s = asyncio.get_running_loop().time() + GONE_WITHIN_S
        await asyncio.sleep(GONE_S)  # handshakes are given up in the loop's next turns
        while self.connections and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(GONE_S)  # a client that speaks TLS says good-bye too
        for connection in list(self.connections):
            connection.abort()
        await asyncio.sleep(GONE_S)

    def handler_of(self, asked: Asked) -> Any:
        """The handler of a method; None for one that nobody knows."""
        details = CallDetails(asked.path, asked.metadata)
        return next((found for one in self._handlers if (found := one.service(details)) is not None), None)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            now_s = asyncio.get_running_loop().time()
            for connection in list(self.connections):
                connection.look(now_s)


class ServerConnection(Writing):
    """One client."""

    def __init__(self, server: Server) -> None:
        super().__init__()
        self._server = server
        self._called_s = self._loop.time()
        self.end: ServerEnd = ServerEnd(server.options.http2, self._open, self._called_s)
        self.peer = ""
        self._later: asyncio.TimerHandle | None = None
        self._let_go: deque[tuple[float, Stream]] = deque()

    def connection_made(self, transport: Any) -> None:
        """A client is there: say what we take."""
        self._server.connections.add(self)
        CONNECTIONS.inc()
        self.peer = peer_name(transport.get_extra_info("peername"))
        super().connection_made(transport)
        if not speaks_h2(transport):
            self._break(ConnectionFault(ErrorCode.INADEQUATE_SECURITY, NO_ALPN_TEXT))

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        try:
            self.end.receive(data, self._loop.time())
        except ConnectionFault as fault:
            self._break(fault)
        self._flush()

    def connection_lost(self, error: Exception | None) -> None:
        """The client is gone."""
        self._server.connections.discard(self)
        CONNECTIONS.dec()
        if self._later is not None:
            self._later.cancel()
        self.end.lose("the client closed the connection")

    def flush_later(self) -> None:
        """Write with what comes next, or after TOGETHER_S."""
        if not self._is_flush_due and self._later is None:
            self._later = self._loop.call_later(TOGETHER_S, self._flush_late)

    def let_go(self, stream: Stream) -> None:
        """The answer is whole: what the client still sends is dropped, and before long it is asked to stop."""
        if not stream.is_remote_ended:
            stream.receiver = NOBODY
            self._let_go.append((self._loop.time() + LINGER_S, stream))

    def may_wait(self) -> bool:
        """Whether a refusal may wait for its client's first bytes; `waited` ends it."""
        if self._server.refusals_waiting >= REFUSALS_WAITING_MAX:
            return False
        self._server.refusals_waiting += 1
        return True

    def waited(self) -> None:
        """A refusal waits no more."""
        self._server.refusals_waiting -= 1

    def leave(self) -> None:
        """Take no more calls."""
        self.end.stop()
        self._flush()

    def close(self) -> None:
        """Write what is left, and close."""
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Close at once: the loop cannot be closed before its connections are."""
        self._transport.abort()

    def look(self, now_s: float) -> None:
        """Close the connection where nobody calls, or what began is not finished; at once where a client takes nothing."""
        if self._transport.is_closing():
            self._transport.abort()
            return
        while self._let_go and self._let_go[0][0] <= now_s:
            self.end.stop_reading(self._let_go.popleft()[1])
        self._flush()
        if any(stream.receiver is not NOBODY for stream in self.end.streams.values()):
            self._called_s = now_s
        try:
            self.end.demand_whole(now_s)
        except ConnectionFault as fault:
            self._break(fault)
            return
        if now_s - self._called_s > self._server.options.idle_s:
            self.leave()
            self.close()

    def _flush_late(self) -> None:
        self._later = None
        self._flush()

    def _flush(self) -> None:
        self._is_flush_due = False
        unread_bytes_max = self._server.options.http2.unread_bytes_max
        if write_out(self.end.outlet, self._transport, unread_bytes_max):
            self.flush_soon()
        if self._transport.get_write_buffer_size() > UNREAD_FACTOR * unread_bytes_max:
            UNREAD.inc()
            logger().warning("client_does_not_read", peer=self.peer)
            self._transport.abort()

    def _break(self, fault: ConnectionFault) -> None:
        BROKEN.labels(fault.code.name).inc()
        logger().info("connection_broken_off", peer=self.peer, code=fault.code.name, reason=fault.text)
        self.end.outlet.frames.append(goaway(self.end.last_peer_id, fault.code, fault.text))
        self.close()
        self.end.lose(fault.text)

    def _open(self, stream: Stream, headers: HeaderList) -> Receiver:
        options, server = self._server.options, self._server
        if headers.size_bytes > options.http2.header_bytes_max:
            text = (
                f"received metadata size exceeds limit: {headers.size_bytes} of {options.http2.header_bytes_max} bytes"
            )
            REFUSED.labels("header_bytes").inc()
            return self._refuse(stream, RESOURCE_EXHAUSTED, text)
        asked = headers.meaning
        if asked is None:
            asked = headers.meaning = read_request(headers.fields)
        if asked.http_status:
            return self._answer_no_call(stream, asked.http_status)
        if asked.fault is not None:
            return self._refuse(stream, *asked.fault)
        if len(server.tasks) - server.refusals_waiting >= options.calls_max:
            REFUSED.labels("calls").inc()
            return self._refuse(stream, RESOURCE_EXHAUSTED, "Concurrent RPC limit exceeded!")
        handler = server.handler_of(asked)
        if handler is None:
            return self._refuse(stream, UNIMPLEMENTED, "Method not found!")
        message_bytes_max = options.message_bytes_max
        if asked.path in options.open_methods:
            message_bytes_max = options.http2.stream_window_bytes - PREFIX_BYTES
        call = ServerCall(self, stream, asked, message_bytes_max, options.answer_bytes_max)
        self._called_s = self._loop.time()
        call.task = self._loop.create_task(call.serve(handler))
        server.tasks.add(call.task)
        call.task.add_done_callback(server.tasks.discard)
        return call

    def _refuse(self, stream: Stream, code: int, details: str) -> Receiver:
        self.end.send_headers(stream, RESPONSE_BLOCK + status_block(code, details), is_end=True)
        self.let_go(stream)
        return NOBODY

    def _answer_no_call(self, stream: Stream, status: int) -> Receiver:
        """Answer a request that is no call of gRPC in the words of HTTP: what is served here."""
        block = literal(b":status", b"%d" % status) + literal(b"content-type", b"text/plain")
        self.end.send_headers(stream, block)
        self.end.send_data(stream, NO_CALL_TEXT, is_end=True)
        self.let_go(stream)
        return NOBODY


def peer_name(address: Any) -> str:
    """An address as gRPC writes it."""
    if isinstance(address, tuple) and len(address) >= 2:
        host, port = address[0], address[1]
        return f"ipv6:[{host}]:{port}" if ":" in host else f"ipv4:{host}:{port}"
    return "unix:"
