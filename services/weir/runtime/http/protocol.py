"""HTTP/1.1 on one connection, bounded: bytes of a head and of a wire body, seconds of each phase, requests that wait,
connections in all.

Uvicorn's httptools protocol parses fast and bounds nothing: 100 MB of headers were taken, half a body was waited for
without end. This is that protocol with a count and a deadline around it; a request that arrives whole costs no timer.

Invariant: nothing is written into the answer to another request. What ends a connection while answers are due lets
them end first.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, cast

from prometheus_client import Gauge
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from weir.runtime.http.boundary import REFUSED
from weir.runtime.http.departure import DEPARTURE, Departure
from weir.runtime.http.outlet import Outlet
from weir.runtime.http.policy import Policy
from weir.runtime.http.unframed import end_with_connection

CONNECTIONS = Gauge("weir_http_connections", "Open HTTP connections.")

WIRE_FACTOR = 2
"""Bytes on the wire for one byte of a body, at most: chunks of a sane size add a hundredth. Arbitrary: any
factor from 1.1 to about 6, which chunks of one byte need, would do."""

WAITING_MAX = 16
"""Requests of one connection that wait, parsed, for the answers before theirs; what comes after them is not read.
Arbitrary: any value from 1 to about 100 would do. Browsers and stock clients let none wait; each costs about 2 KB."""

PAGES = {
    "malformed": b"400 Bad Request",
    "slow": b"408 Request Timeout",
    "body_bytes": b"413 Content Too Large",
    "header_bytes": b"431 Request Header Fields Too Large",
    "upgrade": b"501 Not Implemented",
    "connections": b"503 Service Unavailable",
}
"""Status lines of answers given before there is a request to answer, by reason."""


class _Phase(Enum):
    IDLE = 0
    HEAD = 1
    BODY = 2


class BoundedProtocol(HttpToolsProtocol):
    """One connection under a policy."""

    def __init__(self, policy: Policy, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = policy.limits
        self._wire_bytes_max = WIRE_FACTOR * policy.body_bytes_max + policy.limits.header_bytes_max
        self._phase = _Phase.IDLE
        self._requests = 0
        self._phase_bytes = 0
        self._begun_bytes = 0
        self._reason = "malformed"
        self._has_ended = False
        self._before: RequestResponseCycle | None = None
        self._armed_for: tuple[int, _Phase] | None = None
        self._armed_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._write_deadline: asyncio.TimerHandle | None = None
        self._departure = Departure()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Take a connection, or refuse the one too many."""
        super().connection_made(Outlet(transport, self.loop))
        CONNECTIONS.inc()
        if len(self.connections) > self._limits.connections_max:
            self._refuse("connections")
        else:
            self._arm(self._limits.head_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines, and stop the work for its client."""
        CONNECTIONS.dec()
        self._disarm()
        self._stop_write_deadline()
        super().connection_lost(exc)
        self._departure.happen()

    def data_received(self, data: bytes) -> None:
        """Parse in pieces that are no longer than a head may be, then set the deadline of what is still incomplete."""
        start = 0
        while start < len(data) and not self._is_over():
            taken_bytes = self._phase_bytes if self._phase is _Phase.HEAD else 0
            piece = data[start : start + self._limits.header_bytes_max - taken_bytes]
            start += len(piece)
            self._take(piece)
        if self._is_over():
            return
        if self._phase is _Phase.IDLE and self._owes_answer():
            self._disarm()
        elif self._armed_for != (self._requests, self._phase):  # an empty line begins nothing, and buys no time
            self._arm(self._limits.body_s if self._phase is _Phase.BODY else self._limits.head_s)

    def on_message_begin(self) -> None:
        """A head begins. Raises ValueError, which stops the parser, where too many requests wait already."""
        if len(self.pipeline) >= WAITING_MAX:
            self._reason = "pipelined"
            raise ValueError("too many requests wait for an answer")
        super().on_message_begin()
        self._requests += 1
        self._enter(_Phase.HEAD)
        self._phase_bytes, self._begun_bytes = self._begun_bytes, 0  # of a second request in the same bytes: the rest

    def on_headers_complete(self) -> None:
        """A head is whole. What comes later as a trailer is no header of it.

        Raises ValueError, which stops the parser, for an upgrade with a body: the parser takes no body with the offer, and
        an answer would be to a request with half its meaning; and for chunks of HTTP/1.0, which has none.
        """
        is_without_chunks = self.parser.get_http_version() != "1.1"
        if self.parser.should_upgrade() and self._has_header(b"content-length", b"transfer-encoding"):
            self._reason = "upgrade"
            raise ValueError("an upgrade with a body")
        if is_without_chunks and self._has_header(b"transfer-encoding"):
            raise ValueError("chunks before HTTP/1.1")
        self.scope[DEPARTURE] = self._departure  # type: ignore[literal-required]  # ASGI lets a server add keys
        self._before = self.cycle
        super().on_headers_complete()
        if is_without_chunks:
            end_with_connection(self.cycle)
        self.headers = []
        self._enter(_Phase.BODY)

    def on_message_complete(self) -> None:
        """A request is whole."""
        super().on_message_complete()
        self._enter(_Phase.IDLE)

    def pause_writing(self) -> None:
        """The client does not take what it asked for: give it some seconds."""
        super().pause_writing()
        self._stop_write_deadline()
        self._write_deadline = self.loop.call_later(self._limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client took enough."""
        self._stop_write_deadline()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Answer bytes that are no request, for the reason that stopped the parser."""
        self._refuse(self._reason)

    def _unsupported_upgrade_warning(self) -> None:
        """Another protocol is never spoken here: the request is answered, and nothing after it."""
        self._end_after_answers()

    def _take(self, piece: bytes) -> None:
        """Count and parse bytes of one read."""
        self._phase_bytes += len(piece)
        self._begun_bytes = len(piece)
        super().data_received(piece)
        if self._phase is _Phase.HEAD and self._phase_bytes >= self._limits.header_bytes_max and not self._is_over():
            self._refuse("header_bytes")
        elif self._phase is _Phase.BODY and self._phase_bytes > self._wire_bytes_max and not self._is_over():
            self._refuse("body_bytes")

    def _is_over(self) -> bool:
        """Whether nothing more is read of this connection."""
        return self._has_ended or self.transport.is_closing()

    def _owes_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _has_header(self, *names: bytes) -> bool:
        return any(name in names for name, _ in self.headers)

    def _enter(self, phase: _Phase) -> None:
        self._phase, self._phase_bytes = phase, 0

    def _refuse(self, reason: str) -> None:
        """Read no more. Answer the request that is still coming and close; where other answers are due, close after them."""
        REFUSED.labels(reason).inc()
        is_waiting = bool(self.pipeline)
        if self._phase is _Phase.BODY and not is_waiting:
            self._refuse_body(reason)
            return
        if self._phase is _Phase.BODY:
            self.pipeline.popleft()  # the latest
            assert self._before is not None, "a request waits behind another"
            self.cycle = self._before
        if self._owes_answer():
            self._end_after_answers()
        else:
            self._answer(reason)

    def _refuse_body(self, reason: str) -> None:
        """Refuse the request whose answer may be under way before its body came."""
        if not self.cycle.response_started:
            self.cycle.disconnected = True
            self._answer(reason)
        elif self.cycle.response_complete:
            self.transport.close()
        else:
            self.transport.abort()

    def _end_after_answers(self) -> None:
        self._has_ended = True
        self._disarm()
        self.cycle.keep_alive = False

    def _answer(self, reason: str) -> None:
        self.transport.write(b"HTTP/1.1 " + PAGES[reason] + b"\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        self.transport.close()

    def _arm(self, wait_s: float) -> None:
        self._disarm()
        self._armed_for, self._armed_bytes = (self._requests, self._phase), self._phase_bytes
        self._deadline = self.loop.call_later(wait_s, self._late, wait_s)

    def _disarm(self) -> None:
        self._armed_for = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self, wait_s: float) -> None:
        """Too slow, unless it was the service that stopped reading, or a body that comes at a fair pace."""
        if self.transport.is_closing():
            return
        is_moving = self._phase is _Phase.BODY and self._phase_bytes - self._armed_bytes >= self._limits.body_pace_bytes
        if self.flow.read_paused or is_moving:
            self._arm(wait_s)
        elif self._phase is _Phase.IDLE:
            self.transport.close()
        else:
            self._refuse("slow")

    def _stop_write_deadline(self) -> None:
        if self._write_deadline is not None:
            self._write_deadline.cancel()
            self._write_deadline = None


def protocol_of(policy: Policy) -> type[asyncio.Protocol]:
    """The protocol class of a server under a policy, as uvicorn's `http` setting takes it."""

    def make(**uvicorn: Any) -> BoundedProtocol:
        return BoundedProtocol(policy, **uvicorn)

    return cast("type[asyncio.Protocol]", make)
