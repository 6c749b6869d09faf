"""A listener whose connections begin with a TLS handshake. Handshakes are what strangers pay with our time: so many are under way
at once, and so many begin in a second. What comes faster waits in the kernel's queue; calls of others go on.

Each handshake has `HANDSHAKE_S`. When all places are taken, one that has lasted `HURRIED_S` is given up for the next.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from weir.runtime.telemetry.logs import logger
from weir.runtime.tls.certificates import Certificates
from weir.runtime.tls.metrics import HANDSHAKES, HANDSHAKES_OPEN

HANDSHAKES_MAX = 256
"""Handshakes at once. Arbitrary; any value from 64 to 1,024 would do: a few tens of kilobytes each."""

HANDSHAKE_S = 10.0
"""Seconds that a handshake may take. Chosen: as long as a connection without TLS has for its first bytes."""

HURRIED_S = 1.0
"""The same when all places are taken. Chosen: three ways over a bad line."""

BETWEEN_S = 0.002
"""Seconds between the beginnings of two handshakes. Measured: one costs about 0.6 ms, so that a flood of them leaves two thirds
of the time to calls."""

REST_S = 0.1
"""Seconds before the next try when no connection can be accepted. Arbitrary; any value from 0.01 to 1 would do: the process has
no descriptor left."""


class TlsListener:
    """Accepts connections on a bound socket until it is closed."""

    def __init__(
        self, bound: socket.socket, backlog: int, certificates: Certificates, made: Callable[[], asyncio.Protocol]
    ) -> None:
        """made: a protocol for the next connection, which hears of it once its handshake is over. Needs a running loop."""
        bound.setblocking(False)
        bound.listen(backlog)
        self._socket = bound
        self._certificates = certificates
        self._made = made
        self._loop = asyncio.get_running_loop()
        self._open: dict[asyncio.Task[None], float] = {}  # since when, seconds; the oldest first
        self._has_ended = asyncio.Event()
        self._next_s = 0.0
        self._accepting = self._loop.create_task(self._accept())

    def close(self) -> None:
        """Take no more connections; handshakes under way are given up."""
        self._accepting.cancel()
        for handshake in self._open:
            handshake.cancel()
        self._socket.close()

    async def wait_closed(self) -> None:
        """Wait until the handshakes of a closed listener are given up."""
        if self._open:
            await asyncio.wait(self._open)

    async def _accept(self) -> None:
        while True:
            await self._until_room()
            try:
                connected, _ = await self._loop.sock_accept(self._socket)
            except OSError as error:
                logger().warning("connection_not_accepted", error=str(error))
                await asyncio.sleep(REST_S)
                continue
            handshake = self._loop.create_task(self._shake_hands(connected))
            self._open[handshake] = self._loop.time()
            HANDSHAKES_OPEN.inc()
            handshake.add_done_callback(self._ended)

    async def _until_room(self) -> None:
        while len(self._open) >= HANDSHAKES_MAX:
            oldest, since_s = next(iter(self._open.items()))
            self._has_ended.clear()
            try:
                async with asyncio.timeout_at(since_s + HURRIED_S):
                    await self._has_ended.wait()
            except TimeoutError:
                HANDSHAKES.labels("given_up").inc()
                oldest.cancel()
                await asyncio.wait((oldest,))

    def _ended(self, handshake: asyncio.Task[None]) -> None:
        del self._open[handshake]
        HANDSHAKES_OPEN.dec()
        self._has_ended.set()

    async def _shake_hands(self, connected: socket.socket) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_S):
                await self._turn()
                context = self._certificates.current().context
                await self._loop.connect_accepted_socket(self._made, connected, ssl=context)
        except OSError as error:  # a TimeoutError is one
            connected.close()
            HANDSHAKES.labels("slow" if isinstance(error, TimeoutError) else "failed").inc()
            logger().debug("tls_handshake_failed", error=str(error))
        except asyncio.CancelledError:
            connected.close()
            raise
        else:
            HANDSHAKES.labels("done").inc()

    async def _turn(self) -> None:
        now_s = self._loop.time()
        begin_s = max(now_s, self._next_s)
        self._next_s = begin_s + BETWEEN_S
        if begin_s > now_s:
            await asyncio.sleep(begin_s - now_s)
