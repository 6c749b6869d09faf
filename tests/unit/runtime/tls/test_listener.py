"""Handshakes of strangers: bounded in number, in time and in pace, while connections that stand go on."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from harness.tls import authority
from weir.runtime.tls import listener as module
from weir.runtime.tls.certificates import Certificates, TlsFiles
from weir.runtime.tls.listener import TlsListener

WITHIN_S = 10.0


class Echo(asyncio.Protocol):
    """Gives back what comes."""

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of the client."""
        self.transport.write(data)


@dataclass
class Client:
    """An honest one."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def echo(self, sent: bytes) -> bytes:
        """What comes back."""
        self.writer.write(sent)
        return await self.reader.readexactly(len(sent))


@dataclass
class Serving:
    """A listener, and a context that trusts it. Connections to it are closed at the end."""

    listener: TlsListener
    port: int
    context: ssl.SSLContext
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def client(self) -> Client:
        """A connection whose handshake is over."""
        async with asyncio.timeout(WITHIN_S):
            reader, writer = await asyncio.open_connection("localhost", self.port, ssl=self.context)
        self.writers.append(writer)
        return Client(reader, writer)

    async def stranger(self, first: bytes = b"") -> asyncio.StreamReader:
        """A connection that sends no more than these bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(first)
        self.writers.append(writer)
        return reader


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    ours = authority(tmp_path)
    certificate, key = ours.sign(tmp_path, "server")
    bound = socket.create_server(("127.0.0.1", 0))
    certificates = Certificates(TlsFiles(certificate=certificate, key=key), is_server=True)
    listener = TlsListener(bound, 100, certificates, Echo)
    serving = Serving(listener, bound.getsockname()[1], ssl.create_default_context(cafile=str(ours.file)))
    yield serving
    listener.close()
    for writer in serving.writers:
        writer.transport.abort()


def ended(outcome: str) -> float:
    """Handshakes that ended so, until now."""
    return REGISTRY.get_sample_value("weir_tls_handshakes_total", {"outcome": outcome}) or 0.0


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(WITHIN_S):
        while not is_so():
            await asyncio.sleep(0.002)


async def test_a_connection_is_made_once_its_handshake_is_over(serving: Serving) -> None:
    done = ended("done")

    assert await (await serving.client()).echo(b"x" * 300_000) == b"x" * 300_000
    assert ended("done") == done + 1


@pytest.mark.parametrize(
    "first",
    [b"GET / HTTP/1.1\r\n\r\n", bytes(100), b"\x16\x03\x01\x00\x04\xff\x00\x00\x00"],
    ids=["HTTP/1.1", "zeros", "no hello"],
)
async def test_what_is_no_tls_is_closed_and_counted(serving: Serving, first: bytes) -> None:
    failed = ended("failed")
    reader = await serving.stranger(first)

    async with asyncio.timeout(WITHIN_S):
        await reader.read()
    await until(lambda: ended("failed") == failed + 1)


async def test_a_client_that_goes_away_is_counted(serving: Serving) -> None:
    failed = ended("failed")
    await serving.stranger()
    serving.writers[0].close()

    await until(lambda: ended("failed") == failed + 1)


async def test_a_handshake_that_is_not_over_in_time_is_given_up(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKE_S", 0.1)
    slow = ended("slow")
    reader = await serving.stranger(b"\x16\x03\x01")

    async with asyncio.timeout(WITHIN_S):
        assert await reader.read() == b""
    assert ended("slow") == slow + 1


async def test_silent_strangers_in_all_places_make_room_for_a_client(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HANDSHAKES_MAX", 5)
    monkeypatch.setattr(module, "HURRIED_S", 0.1)
    standing, given_up = await serving.client(), ended("given_up")
    readers = [await serving.stranger() for _ in range(12)]

    assert await (await serving.client()).echo(b"new") == b"new"
    assert await standing.echo(b"old") == b"old"

    assert ended("given_up") >= given_up + 8
    assert (REGISTRY.get_sample_value("weir_tls_handshakes_open") or 0) <= 5
    async with asyncio.timeout(WITHIN_S):
        assert await readers[0].read() == b""


async def test_handshakes_begin_one_after_the_other(serving: Serving, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BETWEEN_S", 0.05)
    loop = asyncio.get_running_loop()
    began_s = loop.time()

    await asyncio.gather(*[serving.client() for _ in range(5)])

    assert loop.time() - began_s >= 4 * 0.05


async def test_a_listener_that_is_closed_gives_up_handshakes_and_takes_none(serving: Serving) -> None:
    reader = await serving.stranger()
    await until(lambda: REGISTRY.get_sample_value("weir_tls_handshakes_open") == 1)

    serving.listener.close()

    async with asyncio.timeout(WITHIN_S):
        assert await reader.read() == b""
    with pytest.raises(ConnectionRefusedError):
        await serving.stranger()
