"""A fresh database, a scripted receiver that is a real HTTP server, and everything of alerts but Kafka around them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.samples.alerts_world import World
from harness.waiting import PATIENCE_S
from weir.alerts.adapters import state_store
from weir.alerts.adapters.database import Database

BOOT_EPOCH = 1_795_521_600_000_000


@dataclass
class HttpReceiver:
    """A receiver on loopback: answers as scripted, then 204, and keeps what it was sent.

    answers: raw HTTP answers, one for each request; None closes the connection without an answer.
    """

    port: int = 0
    answers: list[bytes | None] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook?team=1"

    async def until(self, count: int, within_s: float = PATIENCE_S) -> None:
        """Wait until so many requests were received."""
        async with asyncio.timeout(within_s), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *rest = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest) if name}
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self.answers.pop(0) if self.answers else status(204)
        async with self.arrived:
            self.lines.append(first)
            self.received.append((headers, body))
            self.arrived.notify_all()
        if answer is not None:
            writer.write(answer)
            await writer.drain()
        writer.close()


def status(code: int, headers: str = "", body: bytes = b"") -> bytes:
    """A raw HTTP answer."""
    return f"HTTP/1.1 {code} Whatever\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body


@pytest.fixture
async def http_receiver() -> AsyncIterator[HttpReceiver]:
    receiver = HttpReceiver()
    server = await asyncio.start_server(receiver.answer, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    yield receiver
    server.close()
    await server.wait_closed()


@pytest.fixture
def answer_of() -> Callable[..., bytes]:
    return status


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "alerts.db")
    with database.transaction() as connection:
        state_store.set_up(connection, "alerts/test", BOOT_EPOCH)
    yield database
    database.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Alerts with two receivers."""
    world = World(tmp_path / "alerts.db", receivers={"demo": "webhook", "other": "webhook"})
    yield world
    world.database.close()
