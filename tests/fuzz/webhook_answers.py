"""Answers of a webhook's receiver: whatever bytes it says, the try ends in time, and what follows can be computed and stored."""

from __future__ import annotations

import asyncio
import json
import math
import random
from contextlib import suppress

from weir.alerts.adapters.receivers import Receiver
from weir.alerts.adapters.webhook import WebhookSender, resolve
from weir.alerts.core.address import Target
from weir.alerts.core.retry import Answer, Policy, judge, pause_s

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""The example secret of Standard Webhooks."""

TIMEOUT_S = 0.4
"""Seconds of one try in these runs; a cut or silent answer costs no more."""

STATUS_LINES = (
    b"HTTP/1.1 200 OK", b"HTTP/1.1 404 Not Found", b"HTTP/1.1 410 Gone", b"HTTP/1.1 301 Moved", b"HTTP/1.1 429 Slow",
    b"HTTP/1.1 503 \xff\xfe", b"HTTP/1.1 000 No", b"HTTP/1.1 999 Odd", b"HTTP/1.1 99999 Odd", b"HTTP/1.0 200", b"HTTP/9.9 200 OK",
    b"HTTP/1.1 101 Switching Protocols", b"HTTP/1.1 100 Continue", b"HTTP/1.1 -5 No", b"HTTP/1.1 \xd9\xa5\xd9\xa0\xd9\xa3 OK",
    b"SSH-2.0-OpenSSH_9", b"\x16\x03\x01\x02\x00", b"", b"{}",
)  # fmt: skip

RETRY_AFTER = (
    b"5", b"-1", b"1e400", b"NaN", b"inf", b"9" * 400, b"Fri, 31 Dec 9999 23:59:59 GMT", b"Fri, 31 Dec 99999 23:59:59 GMT",
    b"Fri, 31 Dec 9999 23:59:59 -9999", b"Mon, 01 Jan 0001 00:00:00 +2359", b"Mon, 01 Jan 0000 00:00:00 GMT", b"\xff\xfe",
    b"1 Jan", b", , ,", b"0 0 0 0:0:0 0", b"\xd9\xa5", b"Sun, 06 Nov 1994 08:49:37 GMT", b"99999999999999999999 Jan 2030",
)  # fmt: skip

HEADERS = (
    b"content-length: 0", b"content-length: -1", b"content-length: 99999999", b"content-length: x", b"transfer-encoding: chunked",
    b"transfer-encoding: gzip, chunked", b"content-encoding: gzip", b"content-type: text/html; charset=\xff", b"location: http://169.254.169.254/",
    b"location: //[", b"set-cookie: a=b", b"x: " + b"y" * 200_000, b"no colon", b": no name", b"x\x00y: z", b"connection: close",
    b"\xf0\x9f\x98\x80: 1", b"refresh: 0",
)  # fmt: skip

BODIES = (
    b"",
    b"ok",
    b"\x1f\x8b\x08\x00junk",
    b"5\r\nhello\r\n0\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"-1\r\n\r\n",
    b"x" * 300_000,
)

POLICY = Policy(give_up_s=3_600.0, base_s=0.5, max_s=60.0)


def run(seed: int, cases: int) -> None:
    """Send `cases` webhooks to a receiver that answers anything. Raises AssertionError with the first answer that does
    more than fail or deliver its own try."""
    asyncio.run(_run(random.Random(seed), cases))


async def _run(chance: random.Random, cases: int) -> None:
    answers: list[bytes] = []
    handlers: set[asyncio.Task[None]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        # The sender may hang up at any point; that is no fault of it.
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answers[-1])
            await writer.drain()
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    sender = WebhookSender(resolve, TIMEOUT_S, 65_536)
    for _ in range(cases):
        answers.append(an_answer(chance))
        scheme = "https" if chance.random() < 0.05 else "http"  # plain bytes where TLS was expected, now and then
        target = Target(scheme, "127.0.0.1", port, "/")
        receiver = Receiver(name="r", target=target, allow_private=True, secrets=(SECRET,))
        check(await sender.send(receiver, "msg_1", b"{}"), answers[-1])
    server.close()
    await server.wait_closed()
    await asyncio.gather(*handlers)


def check(said: Answer, wire: bytes) -> None:
    """Raises AssertionError when a later step could not carry this answer."""
    shown = wire[:300]
    assert 0 <= said.status <= 999, f"status {said.status}: {shown!r}"
    assert 0.0 <= said.retry_after_s < math.inf, f"Retry-After {said.retry_after_s}: {shown!r}"
    assert said.error.isprintable(), f"error {said.error!r}: {shown!r}"
    assert len(said.error.encode()) <= 4_000, f"error of {len(said.error)} characters: {shown!r}"
    for attempts in (1, 7, 10**6):
        assert 0.0 < pause_s(said, attempts, POLICY, 0.5) <= POLICY.max_s, f"pause: {shown!r}"
    judge(said, 0.0, POLICY)
    json.dumps({"error": said.error, "latency_ms": said.latency_ms}, allow_nan=False)


def an_answer(chance: random.Random) -> bytes:
    """An answer in pieces that receivers, proxies and strangers send, cut and changed here and there."""
    lines = [chance.choice(STATUS_LINES), *chance.sample(HEADERS, chance.randrange(4))]
    if chance.random() < 0.6:
        lines.append(b"retry-after: " + chance.choice(RETRY_AFTER))
    wire = b"\r\n".join(lines) + b"\r\n\r\n" + chance.choice(BODIES)
    if chance.random() < 0.3:
        at = chance.randrange(len(wire) + 1)
        wire = wire[:at] + chance.randbytes(chance.randrange(4)) + wire[at + chance.randrange(3) :]
    return wire[: chance.randrange(len(wire) + 1)] if chance.random() < 0.2 else wire
