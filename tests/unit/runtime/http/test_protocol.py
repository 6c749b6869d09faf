"""The bounds of one HTTP connection, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import httpx2
import pytest
from prometheus_client import REGISTRY
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from harness.http.boundary_client import TOKEN
from harness.stack.service_process import free_port
from harness.waiting import PATIENCE_S
from weir.runtime.http.access import Access, DeclaredRoute
from weir.runtime.http.policy import Limits, Policy
from weir.runtime.http.protocol import WAITING_MAX
from weir.runtime.http.server import application, serve

LIMITS = Limits(header_bytes_max=8_192, connections_max=8, body_pace_bytes=1_000)
"""Its seconds are a service's own, which no busy machine passes: a test shortens the span that it is about, and no other."""

SOON_S = 0.3
"""Such a span."""

POLICY = Policy(token=TOKEN, body_bytes_max=200_000, limits=LIMITS)
HEAD = f"POST /echo HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {TOKEN}\r\ncontent-type: application/json\r\n"


@asynccontextmanager
async def listening(**limits: float) -> AsyncIterator[int]:
    """Port of a listener. limits: those that are not `LIMITS`'."""

    async def echo(request: Request) -> Response:
        return PlainTextResponse(str(len(await request.body())))

    async def flood(_: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(1_000):
                yield b"x" * 65_536

        return StreamingResponse(pieces())

    async def late(_: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for _ in range(2):
                yield b"late"
                await asyncio.sleep(2 * SOON_S)

        return StreamingResponse(pieces())

    port, stop = free_port(), asyncio.Event()
    policy = replace(POLICY, port=port, limits=replace(LIMITS, **limits))  # type: ignore[arg-type]  # seconds by name
    routes = [
        Route("/echo", echo, methods=["POST", "GET"]),
        Route("/flood", flood),
        DeclaredRoute("/late", late, access=Access.OPEN),
    ]
    serving = asyncio.create_task(serve(application(dict, policy, routes), stop))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.wait({serving}, timeout=0.01)
            else:
                writer.close()
                break
    try:
        yield port
    finally:
        stop.set()
        await serving


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with listening() as port:
        yield port


async def answers(port: int, *pieces: bytes, pause_s: float = 0.0, is_closing: bool = False) -> bytes:
    """All bytes that the server answers to the pieces before it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_S):
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(pause_s)
                if is_closing:
                    writer.write_eof()
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 5_000 + b"\r\n",
        b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n" + b"x" * 100_000 + b": y\r\n\r\n",
    ],
)
async def test_a_large_head_is_refused_and_closed(port: int, head: bytes) -> None:
    assert (await answers(port, head)).startswith(b"HTTP/1.1 431")
    assert (await answers(port, head[:20_000])).startswith(b"HTTP/1.1 431")  # and one that never ends


async def test_an_endless_head_is_cut_long_before_100_mb(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ")
    with suppress(ConnectionError):
        while sent < 100_000_000:
            writer.write(b"x" * 65_536)
            await writer.drain()
            sent += 65_536
    writer.close()
    assert sent < 20_000_000


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", HEAD.encode()])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes) -> None:
    async with listening(head_s=SOON_S) as port:
        assert await answers(port, sent) in (
            b"",
            b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        )


async def test_half_a_body_is_not_waited_for() -> None:
    half = HEAD.encode() + b"content-length: 100\r\n\r\n" + b"x" * 50

    async with listening(body_s=SOON_S) as port:
        assert (await answers(port, half)).startswith(b"HTTP/1.1 408")


async def test_a_dripping_body_is_cut() -> None:
    drips = [HEAD.encode() + b"content-length: 100\r\n\r\n", *[b"x"] * 20]

    async with listening(body_s=SOON_S) as port:
        assert b"HTTP/1.1 200" not in await answers(port, *drips, pause_s=0.05)


async def test_a_slow_body_at_a_fair_pace_is_waited_for() -> None:
    parts = [HEAD.encode() + b"content-length: 8000\r\nconnection: close\r\n\r\n", *[b"x" * 1_000] * 8]

    async with listening(body_s=1.0) as port:  # shorter than the body, seven times a pause
        assert (await answers(port, *parts, pause_s=0.15)).endswith(b"8000")


async def test_trailers_and_tiny_chunks_are_bounded(port: int) -> None:
    chunked = HEAD.encode() + b"transfer-encoding: chunked\r\n\r\n"

    trailers = await answers(port, chunked + b"1\r\nx\r\n0\r\n" + b"t: " + b"y" * 1_000_000 + b"\r\n\r\n")
    chunks = await answers(port, chunked + b"1;" + b"e" * 900_000 + b"\r\nx\r\n0\r\n\r\n")

    assert b"HTTP/1.1 200" not in trailers + chunks


async def test_an_idle_connection_is_closed() -> None:
    async with listening(idle_s=SOON_S) as port:
        got = await answers(port, b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 200")


async def test_a_client_that_takes_nothing_is_cut() -> None:
    async with listening(write_s=SOON_S) as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1_024)
        writer.write(b"GET /flood HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n")
        await reader.readexactly(1)
        held = open_connections()
        while open_connections() == held:
            await asyncio.sleep(0.01)
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await reader.readexactly(60_000_000)
        writer.close()


def open_connections() -> float:
    """Connections that a listener of this process holds."""
    return REGISTRY.get_sample_value("weir_http_connections") or 0.0


async def test_one_connection_too_many_is_told_so(port: int) -> None:
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(LIMITS.connections_max)]
    try:
        assert (await answers(port, b"")).startswith(b"HTTP/1.1 503")
    finally:
        for _, writer in held:
            writer.close()
    async with asyncio.timeout(PATIENCE_S):  # until the server has seen them go
        while not (await answers(port, b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n")).startswith(
            b"HTTP/1.1 200"
        ):
            pass


@pytest.mark.parametrize(
    "garbage",
    [b"\0\1\2\r\n\r\n", b"GET\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\0\1\0\1\xfc\x03\x03"],
)
async def test_bytes_that_are_no_request_are_answered_400(port: int, garbage: bytes) -> None:
    assert (await answers(port, garbage, is_closing=True)).startswith(b"HTTP/1.1 400")


async def test_an_offer_of_another_protocol_is_answered_in_this_one(port: int) -> None:
    offer = "connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    with_body = HEAD + offer + "content-length: 5\r\n\r\nhello"

    assert (await answers(port, with_body.encode())).startswith(b"HTTP/1.1 501")  # never answered as if it were empty
    socket = "GET /echo HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    assert (await answers(port, socket.encode())).startswith(b"HTTP/1.1 401")


async def test_requests_of_one_connection_are_answered_in_order(port: int) -> None:
    one = HEAD.encode() + b"content-length: 3\r\n\r\nabc"
    last = HEAD.encode() + b"content-length: 4\r\nconnection: close\r\n\r\nabcd"

    got = await answers(port, one * 3 + last)

    assert [part[-1:] for part in got.split(b"HTTP/1.1 200")[1:]] == [b"3", b"3", b"3", b"4"]


async def test_a_large_body_is_taken_whole_up_to_the_limit(port: int) -> None:
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
    async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
        assert (await client.post("/echo", content=b"x" * 200_000)).text == "200000"
        assert (await client.post("/echo", content=b"x" * 200_001)).status_code == 413


async def test_a_trailer_is_no_header(port: int) -> None:
    late = (
        HEAD.replace(f"authorization: Bearer {TOKEN}\r\n", "")
        + "transfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    )

    got = await answers(port, late.encode() + b"2\r\n{}\r\n0\r\nauthorization: Bearer " + TOKEN.encode() + b"\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 401")


HEALTH = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


@pytest.mark.parametrize("before", [b"", HEALTH])
async def test_an_empty_line_begins_no_request_and_is_not_waited_behind(before: bytes) -> None:
    async with listening(head_s=SOON_S) as port:
        assert (await answers(port, before, b"\r\n", pause_s=SOON_S / 6)).count(b"HTTP/1.1") == bool(before)


async def test_empty_lines_buy_no_time() -> None:
    async with listening(head_s=SOON_S) as port:
        got = await answers(port, HEALTH, *[b"\r\n"] * 20, pause_s=SOON_S / 3)

    assert got == b""  # the connection ended while they came


async def test_the_rest_of_a_body_that_was_answered_early_is_not_waited_behind() -> None:
    early = HEAD.replace(TOKEN, "wrong").encode() + b"content-length: 4\r\n\r\nab"

    async with listening(head_s=SOON_S) as port:
        assert (await answers(port, early, b"cd", pause_s=SOON_S / 6)).count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("line", [b"a:\r\n", b"a:" + b" " * 2_000 + b"b\r\n"])
async def test_all_bytes_of_a_head_count(port: int, line: bytes) -> None:
    least = b"GET /healthz HTTP/1.1\r\nconnection: close\r\nhost: localhost\r\n\r\n"
    most, rest = divmod(LIMITS.header_bytes_max - len(least), len(line))
    whole = least.replace(b"host:", line * most + b"host:" + b" " * rest)

    assert (await answers(port, whole)).startswith(b"HTTP/1.1 200")
    assert (await answers(port, whole.replace(b"host:", b"host: "))).startswith(b"HTTP/1.1 431")


async def test_a_few_requests_wait_and_the_rest_is_not_read(port: int) -> None:
    refused = refusals("pipelined")

    got = await answers(port, HEALTH * 5_000)

    assert got.count(b"HTTP/1.1 200") == got.count(b"HTTP/1.1") == WAITING_MAX + 1
    assert got.count(b"connection: close") == 1
    assert refusals("pipelined") == refused + 1


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        (b"GARBAGE\r\n\r\n", "malformed"),
        (b"GET / HTTP/1.1\r\nx: " + b"x" * 100_000 + b"\r\n\r\n", "header_bytes"),
        (HEAD.encode() + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 5\r\n\r\nhello", "upgrade"),
        (HEAD.encode() + b"transfer-encoding: chunked\r\n\r\nno size\r\n", "malformed"),
        (HEAD.encode() + b"content-length: 5\r\n\r\nhe", "slow"),
        (b"GET / HT", "slow"),
    ],
)
async def test_what_is_wrong_with_a_second_request_leaves_the_first_answer_whole(second: bytes, reason: str) -> None:
    first, refused = HEALTH.replace(b"/healthz", b"/late"), refusals(reason)

    async with listening(head_s=SOON_S, body_s=SOON_S) as port:
        got = await answers(port, first + second)

    assert got.startswith(b"HTTP/1.1 200")
    assert got.endswith(b"\r\n4\r\nlate\r\n4\r\nlate\r\n0\r\n\r\n")
    assert got.count(b"HTTP/1.1") == 1
    assert refusals(reason) == refused + 1


async def test_a_client_of_http_1_0_is_answered_without_chunks(port: int) -> None:
    head, _, body = (await answers(port, b"GET /late HTTP/1.0\r\nhost: localhost\r\n\r\n")).partition(b"\r\n\r\n")

    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert body == b"latelate"


async def test_an_answer_with_a_length_keeps_it_in_http_1_0(port: int) -> None:
    got = await answers(port, HEALTH.replace(b"1.1", b"1.0"))

    assert b"content-length: 15\r\n" in got
    assert got.endswith(b'\r\n\r\n{"status":"ok"}')


async def test_chunks_are_not_taken_in_http_1_0(port: int) -> None:
    chunked = HEAD.replace("HTTP/1.1", "HTTP/1.0") + "transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"

    assert (await answers(port, chunked.encode())).startswith(b"HTTP/1.1 400")


def refusals(reason: str) -> float:
    """How often this process refused for a reason."""
    return REGISTRY.get_sample_value("weir_http_refused_total", {"reason": reason}) or 0.0
