"""Heard: whether a byte of an answer came, which the HTTP client's errors do not say: of half a head it says that nothing came.

Bytes of a TLS handshake are no answer: they pass below what is watched here.
"""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from typing import Any

import httpcore2
import httpx2


class Heard:
    """What came of the answer to one request."""

    def __init__(self) -> None:
        self.is_any = False
        """Whether a byte came."""


_heard: ContextVar[Heard | None] = ContextVar("heard", default=None)
"""Of the request that this task waits for; a connection is read by the task of its request alone."""


def listen() -> Heard:
    """What comes of the request that this task sends next."""
    found = Heard()
    _heard.set(found)
    return found


class ListeningTransport(httpx2.AsyncHTTPTransport):
    """A transport that notes what it hears."""

    def __init__(self, verify: ssl.SSLContext | bool, limits: httpx2.Limits) -> None:
        super().__init__(verify=verify, limits=limits, trust_env=False)
        # httpx2 does not pass a backend on, which httpcore2 takes.
        self._pool._network_backend = _Backend(self._pool._network_backend)


class _Backend(httpcore2.AsyncNetworkBackend):
    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner

    async def connect_tcp(self, *args: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.connect_tcp(*args, **options))

    async def connect_unix_socket(self, *args: Any, **options: Any) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.connect_unix_socket(*args, **options))

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


class _Stream(httpcore2.AsyncNetworkStream):
    def __init__(self, inner: httpcore2.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = await self._inner.read(max_bytes, timeout)
        if data and (heard := _heard.get()) is not None:
            heard.is_any = True
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.AsyncNetworkStream:
        return _Stream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
