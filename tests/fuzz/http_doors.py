"""Raw bytes at one HTTP listener: requests cut, doubled, mixed and bent. The listener goes on, and lets nothing in."""

from __future__ import annotations

import asyncio
import random

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from harness.stack.service_process import free_port
from weir.runtime.http.policy import Limits, Policy
from weir.runtime.http.server import application, serve

TOKEN = "a-token-that-no-case-knows"

AT_ONCE = 128
"""Cases in flight. Chosen: the server's loop stays busy."""

CASE_S = 10.0
"""Seconds after which a connection counts as hung. Chosen: twenty times the server's own deadlines."""

LIMITS = Limits(header_bytes_max=8_192, head_s=0.3, body_s=0.3, body_pace_bytes=4_096, idle_s=0.3, write_s=1.0)

JSON_POST = b"POST /v1/secret HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"

SEEDS = (
    b"GET /v1/secret HTTP/1.1\r\nhost: localhost\r\n\r\n",
    JSON_POST + b"content-length: 2\r\n\r\n{}",
    JSON_POST + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    JSON_POST + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n{}",
    JSON_POST + b"connection: upgrade\r\nupgrade: h2c\r\ncontent-length: 2\r\n\r\n{}",
    b"GET http://localhost/v1/secret HTTP/1.1\r\nhost: evil.example\r\nauthorization: Bearer x\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\norigin: null\r\n\r\n",
    b"CONNECT localhost:80 HTTP/1.1\r\nhost: localhost\r\n\r\n",
    b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
)

TOKENS = (
    b"\r\n", b"\n", b"\r", b"\0", b"\t", b" ", b":", b"host: localhost\r\n", b"host: [::1", b"content-length: -1\r\n",
    b"content-length: 99999999999999999999\r\n", b"transfer-encoding: chunked\r\n", b"expect: 100-continue\r\n",
    b"content-type: text/plain\r\n", b"x: " + b"y" * 9_000, b"%00", b"%ff", b"/../", b"//", b"?", b"#", b"\xff\xfe",
    b"\xe2\x80\xa8", b"HTTP/1.1", b"HTTP/9.9", b"0\r\n\r\n", b"fffffffffffffffff\r\n", b"authorization: Basic Og==\r\n",
)  # fmt: skip


def run(seed: int, cases: int) -> None:
    """Send `cases` bent requests. Raises AssertionError when one comes in, hangs, or the listener is gone after it."""
    asyncio.run(_run(random.Random(seed), cases))


async def _run(rng: random.Random, cases: int) -> None:
    entered: list[bytes] = []

    async def secret(request: Request) -> Response:
        entered.append(await request.body())
        return PlainTextResponse("secret")

    port, stop = free_port(), asyncio.Event()
    policy = Policy(port=port, token=TOKEN, limits=LIMITS)
    door = application(dict, policy, [Route("/v1/secret", secret, methods=["GET", "POST"])])
    serving = asyncio.create_task(serve(door, stop))
    await _until_up(port, serving)
    for start in range(0, cases, AT_ONCE):
        batch = [_case(rng) for _ in range(min(AT_ONCE, cases - start))]
        answers = await asyncio.gather(*[_asked(port, pieces, ends=rng.random() < 0.3) for pieces in batch])
        for pieces, answer in zip(batch, answers, strict=True):
            assert b"\r\n\r\nsecret" not in answer, f"let in by {pieces!r}"
            assert not answer.startswith(b"HTTP/1.1 500"), f"a 500 to {pieces!r}"
        assert not entered, f"a handler ran for one of {batch!r}"
        assert not serving.done(), f"the listener is gone after one of {batch!r}"
    healthy = await _asked(port, [b"GET /healthz HTTP/1.0\r\nhost: localhost\r\n\r\n"], ends=False)
    assert healthy.startswith(b"HTTP/1.1 200"), healthy
    stop.set()
    await serving


def _case(rng: random.Random) -> list[bytes]:
    """Bytes of one connection, in pieces."""
    data = bytearray(b"".join(rng.choice(SEEDS) for _ in range(rng.choice((1, 1, 1, 2, 3)))))
    for _ in range(rng.randrange(6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0:
                data[at:at] = rng.choice(TOKENS)
            case 1:
                del data[at : at + rng.randrange(1, 20)]
            case 2:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 3:
                data[at:at] = data[at : at + rng.randrange(1, 40)]
            case _:
                data[at:at] = rng.randbytes(rng.randrange(1, 30))
    cut = rng.randrange(len(data) + 1)
    return [bytes(data)] if rng.random() < 0.7 else [bytes(data[:cut]), bytes(data[cut:])]


async def _asked(port: int, pieces: list[bytes], *, ends: bool) -> bytes:
    """What the listener answers until it closes the connection. ends: whether the client says that nothing follows."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(CASE_S):
            try:
                for piece in pieces:
                    writer.write(piece)
                    await writer.drain()
                if ends:
                    writer.write_eof()
                return await reader.read()
            except OSError:
                return b""
    except TimeoutError as error:
        raise AssertionError(f"no end of the connection within {CASE_S:g} s after {pieces!r}") from error
    finally:
        writer.close()


async def _until_up(port: int, serving: asyncio.Task[None]) -> None:
    while not serving.done():
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.wait({serving}, timeout=0.01)
        else:
            writer.close()
            return
    await serving
