"""The way to OpenAI servers: one pool of connections each, bounded, on httpx2.

Invariant: a call is sent again only while no byte of an answer came and its connection failed; an answer is given on in the
pieces that it comes in, and what a server sends too much, too late or not at all is one Refusal. Redirects, proxies of the
environment, cookies and compressed answers are not taken; certificates are checked.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx2

from weir.access.refusals import Refusal
from weir.gateway.adapters.heard import ListeningTransport, listen
from weir.gateway.adapters.metrics import LIMITED, SERVER_CALLS, SERVER_RETRIES
from weir.gateway.adapters.servers_file import KnownServer, ServersFile
from weir.gateway.core.server_status import refusal_of

HTTP_OK = 200
"""Specified by RFC 9110."""

ERROR_BYTES_MAX = 65_536
"""Bytes that are read of an answer that is an error. Chosen: far above any sentence."""

RETRY_PAUSE_S = 0.1
"""Seconds between two attempts. Chosen: a server that is just being started again listens in less."""

BUSY_RETRY_S = 1.0
"""Seconds that a caller is asked to wait when all connections to a server are taken. Chosen: a short answer takes as long."""

KEPT_S = 30.0
"""Seconds that an idle connection is kept. Arbitrary; any value up to a server's own, 5 to 75, would do: one that it closed
just then is made anew."""

USER_AGENT = "weir-gateway"


class OpenAIServers:
    """The servers, each with its pool."""

    def __init__(self, file: ServersFile) -> None:
        self._file = file
        self._pools: dict[str, ServerPool] = {}

    async def pool(self, base_url: str) -> ServerPool:
        """The pool of a server. Raises Refusal for one that the operator's file does not list."""
        try:
            known = self._file.find(base_url)
        except Refusal:
            if (unlisted := self._pools.pop(base_url, None)) is not None:
                await unlisted.retire()
            raise
        found = self._pools.get(base_url)
        if found is None or found.known != known:
            before, found = found, ServerPool(known)
            self._pools[base_url] = found
            if before is not None:
                await before.retire()
        return found

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.client.aclose()


class ServerPool:
    """Connections to one server."""

    def __init__(self, known: KnownServer) -> None:
        self.known = known
        self._in_flight = 0
        self._is_retired = False
        bound = known.server.connections_max
        limits = httpx2.Limits(max_connections=bound, max_keepalive_connections=bound, keepalive_expiry=KEPT_S)
        self.client = httpx2.AsyncClient(
            transport=ListeningTransport(_trust(known), limits),
            follow_redirects=False,
            trust_env=False,
            timeout=httpx2.Timeout(known.server.silence_s, connect=known.server.connect_s),
        )

    async def retire(self) -> None:
        """The operator's file says something else of this server: the pool closes once its last call ended."""
        self._is_retired = True
        await self._close_once_unused()

    @asynccontextmanager
    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> AsyncIterator[httpx2.Response]:
        """An answer whose head says 200; its body is read in the block. Raises Refusal for anything else, also in the block."""
        server = self.known.server
        if self._in_flight >= server.connections_max:
            LIMITED.labels("connections_at_once").inc()
            text = f"all {server.connections_max} connections to {server.base_url} are in use (connections_max)"
            raise Refusal("overloaded", text, retry_after_s=BUSY_RETRY_S)
        self._in_flight += 1
        SERVER_CALLS.inc()
        try:
            response = await self._sent(path, body, headers)
            try:
                await _demand_answer(response)
                yield response
            finally:
                await response.aclose()
        except httpx2.HTTPError as error:
            raise _refusal_of(error, server.silence_s) from error
        finally:
            SERVER_CALLS.dec()
            self._in_flight -= 1
            await self._close_once_unused()

    async def _close_once_unused(self) -> None:
        if self._is_retired and not self._in_flight:
            await self.client.aclose()

    async def _sent(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx2.Response:
        """The head of an answer. Raises Refusal("upstream_unavailable") where the connection failed each time before a byte came,
        and HTTPError."""
        own = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": USER_AGENT}
        if self.known.api_key:
            own["authorization"] = f"Bearer {self.known.api_key}"
        url, attempt = self.known.server.base_url + path, 1
        while True:
            request = self.client.build_request("POST", url, content=body, headers={**headers, **own})
            heard = listen()
            try:
                return await self.client.send(request, stream=True)
            except (httpx2.NetworkError, httpx2.RemoteProtocolError, httpx2.ConnectTimeout) as error:
                if heard.is_any:
                    raise
                if attempt >= self.known.server.attempts_max:
                    text = f"the OpenAI server cannot be reached, or went away ({type(error).__name__}, {attempt} attempts)"
                    raise Refusal("upstream_unavailable", text) from error
                attempt += 1
                SERVER_RETRIES.labels(type(error).__name__).inc()
            await asyncio.sleep(RETRY_PAUSE_S)


async def whole_body(response: httpx2.Response, bytes_max: int) -> bytes:
    """The body of an answer. Raises Refusal for one over so many bytes, and HTTPError."""
    data = bytearray()
    async for part in response.aiter_raw():
        data += part
        if len(data) > bytes_max:
            raise Refusal("upstream_error", f"the answer has over {bytes_max} bytes; ask for it as a stream")
    return bytes(data)


async def _demand_answer(response: httpx2.Response) -> None:
    """Raises Refusal for an answer that is an error, or that is not sent as it was asked for."""
    if response.status_code != HTTP_OK:
        asked = response.headers.get("retry-after", ""), response.headers.get("retry-after-ms", "")
        raise refusal_of(response.status_code, await _beginning(response), *asked)
    coding = response.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise Refusal(
            "upstream_error", f"the OpenAI server sent an answer in the coding {coding[:32]!r}; none was asked for"
        )


async def _beginning(response: httpx2.Response) -> bytes:
    data = bytearray()
    try:
        async for part in response.aiter_raw():
            data += part
            if len(data) >= ERROR_BYTES_MAX:
                break
    except httpx2.HTTPError:  # its status says enough
        pass
    return bytes(data[:ERROR_BYTES_MAX])


def _refusal_of(error: httpx2.HTTPError, silence_s: float) -> Refusal:
    """What the end of a connection means. A peer's bytes may be in its text, so it is named by its kind alone."""
    match error:
        case httpx2.PoolTimeout():
            return Refusal("overloaded", "all connections to the OpenAI server are in use", retry_after_s=BUSY_RETRY_S)
        case httpx2.TimeoutException():
            return Refusal("deadline_exceeded", f"the OpenAI server was silent for {silence_s:g} s")
        case httpx2.SSEError():
            return Refusal("upstream_error", "the OpenAI server sent no stream of events that can be read")
    return Refusal("upstream_error", f"the OpenAI server's answer was cut, or is none ({type(error).__name__})")


def _trust(known: KnownServer) -> ssl.SSLContext | bool:
    """Whose certificates are believed; a plain http URL needs none."""
    if known.server.base_url.startswith("http:"):
        return False
    return ssl.create_default_context(cadata=known.ca)
