"""HTTP/1.1 on one connection, bounded: bytes of a head and of a wire body, seconds of each phase, connections in all.

Uvicorn's httptools protocol parses fast and bounds nothing: 100 MB of headers were taken, half a body was waited for
without end. This is that protocol with a count and a deadline around it; a request that arrives whole costs no timer.
"""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any, cast

from prometheus_client import Gauge
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from weir.runtime.http.boundary import REFUSED
from weir.runtime.http.departure import DEPARTURE, Departure
from weir.runtime.http.outlet import Outlet
from weir.runtime.http.policy import Policy

CONNECTIONS = Gauge("weir_http_connections", "Open HTTP connections.")

WIRE_FACTOR = 2
"""Bytes on the wire for one byte of a body, at most: chunks of a sane size add a hundredth. Arbitrary: any
factor from 1.1 to about 6, which chunks of one byte need, would do."""

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
        """Count, parse, and set the deadline of what is still incomplete."""
        self._phase_bytes += len(data)
        self._begun_bytes = len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._phase is _Phase.HEAD and self._phase_bytes > self._limits.header_bytes_max:
            self._refuse("header_bytes")
        elif self._phase is _Phase.BODY and self._phase_bytes > self._wire_bytes_max:
            self._refuse("body_bytes")
        elif self._phase is _Phase.IDLE:
            self._disarm()
        elif self._armed_for != (self._requests, self._phase):
            self._arm(self._limits.head_s if self._phase is _Phase.HEAD else self._limits.body_s)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        self._requests += 1
        self._enter(_Phase.HEAD)
        self._phase_bytes, self._begun_bytes = self._begun_bytes, 0  # of a second request in the same bytes: the rest

    def on_headers_complete(self) -> None:
        """A head is whole. What comes later as a trailer is no header of it."""
        size_bytes = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size_bytes > self._limits.header_bytes_max:
            self._reason = "header_bytes"
            raise ValueError("the head is too large")  # stops the parser, which then calls send_400_response
        self.scope[DEPARTURE] = self._departure  # type: ignore[literal-required]  # ASGI lets a server add keys
        super().on_headers_complete()
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
        """Another protocol is never spoken here: a request without a body is answered, and nothing after it.

        The parser stops before a body that comes with the offer; an answer would be to a request with half its meaning.
        """
        self.cycle.keep_alive = False
        if any(name in (b"content-length", b"transfer-encoding") for name, _ in self.scope["headers"]):
            self.cycle.disconnected = True
            REFUSED.labels("upgrade").inc()
            self._answer("upgrade")

    def _enter(self, phase: _Phase) -> None:
        self._phase, self._phase_bytes = phase, 0

    def _refuse(self, reason: str) -> None:
        """Answer and close; where an answer is under way already, only close."""
        REFUSED.labels(reason).inc()
        if self.cycle is None or self.cycle.response_complete:
            self._answer(reason)
        else:
            self.transport.abort()

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
        elif self._phase is _Phase.BODY and self.cycle is not None and not self.cycle.response_started:
            REFUSED.labels("slow").inc()
            self.cycle.disconnected = True
            self._answer("slow")
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
