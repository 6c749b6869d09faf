"""An HTTP listener that speaks TLS: the same boundary, behind handshakes that are bounded."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from harness.http.boundary_client import TOKEN
from harness.stack.service_process import free_port
from harness.tls import Authority, authority
from harness.waiting import PATIENCE_S
from weir.runtime.http import server as module
from weir.runtime.http.boundary import refusal
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application, serve
from weir.runtime.tls.certificates import HTTP_1, Certificates, TlsFiles

BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    """The authority of the listener's certificate."""
    return authority(tmp_path)


@pytest.fixture
def policy(ours: Authority, tmp_path: Path) -> Policy:
    """Of a listener with TLS."""
    certificate, key = ours.sign(tmp_path, "server")
    certificates = Certificates(TlsFiles(certificate=certificate, key=key), is_server=True, protocol=HTTP_1)
    return Policy(port=free_port(), token=TOKEN, body_bytes_max=1_000_000, certificates=certificates)


@pytest.fixture
async def client(policy: Policy, ours: Authority) -> AsyncIterator[httpx2.AsyncClient]:
    """A client that trusts the listener, which runs until the end."""

    async def echo(request: Request) -> Response:
        return PlainTextResponse(f"{request.url.scheme} {len(await request.body())}")

    stop = asyncio.Event()
    app = application(dict, policy, [Route("/echo", echo, methods=["POST"])])
    serving = asyncio.create_task(serve(app, stop))
    trusting = ssl.create_default_context(cafile=str(ours.file))
    async with httpx2.AsyncClient(
        base_url=f"https://localhost:{policy.port}", verify=trusting, timeout=PATIENCE_S
    ) as made:
        async with asyncio.timeout(PATIENCE_S):
            while not await is_served(policy.port):
                await asyncio.wait({serving}, timeout=0.01)
        yield made
    stop.set()
    await serving


async def is_served(port: int) -> bool:
    """Whether somebody listens."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


async def test_a_request_is_served_as_https(client: httpx2.AsyncClient) -> None:
    body = b'"' + b"x" * 500_000 + b'"'

    answer = await client.post("/echo", content=body, headers={**BEARER, "content-type": "application/json"})

    assert (answer.status_code, answer.text) == (200, f"https {len(body)}")
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.post("/echo", json={})).status_code == 401


async def test_without_tls_nothing_is_served(client: httpx2.AsyncClient, policy: Policy) -> None:
    async with httpx2.AsyncClient(verify=False, timeout=PATIENCE_S) as plain:
        with pytest.raises(httpx2.TransportError):
            await plain.get(f"http://localhost:{policy.port}/healthz")

    assert (await client.get("/healthz")).status_code == 200


def test_its_own_pages_are_of_https(policy: Policy) -> None:
    def reason(origin: bytes) -> str:
        refused = refusal("GET", [(b"host", b"localhost:1"), (b"origin", origin)], policy)
        return "" if refused is None else refused.reason

    assert reason(b"https://localhost:1") == ""
    assert reason(b"http://localhost:1") == "origin"


async def test_a_port_that_is_taken_is_named(policy: Policy) -> None:
    with socket.create_server(("127.0.0.1", policy.port)), pytest.raises(OSError, match=f"127.0.0.1:{policy.port}"):
        await serve(application(dict, policy), asyncio.Event())


async def test_it_stops_though_a_client_keeps_its_side_open(
    policy: Policy, ours: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.2)
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(application(dict, policy), stop))
    async with asyncio.timeout(PATIENCE_S):
        while not await is_served(policy.port):
            await asyncio.wait({serving}, timeout=0.01)
        trusting = ssl.create_default_context(cafile=str(ours.file))
        reader, writer = await asyncio.open_connection("localhost", policy.port, ssl=trusting)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        await reader.readuntil(b"ok")
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        stop.set()
        await serving
    writer.transport.abort()
