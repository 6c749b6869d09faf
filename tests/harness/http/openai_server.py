"""An OpenAI server that plays what a test tells it: recorded answers, and every way to fail. Real sockets, raw bytes."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CUT = b""
"""A step of a play: the connection is cut."""

END = b"\0"
"""A step of a play: the connection is closed, as a server that is done with it does."""

HELD = b"\1"
"""A step of a play: what follows is sent once the test sets `go_on`."""

HANG = None
"""A step of a play: nothing more comes, and nothing ends."""

Play = Sequence[bytes | None]
"""What is sent to one request, step by step. A whole answer leaves the connection open."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it arrived."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(slots=True)
class PlayedServer:
    """The server. plays: one for each request in turn; the last one again for all that follow."""

    plays: list[Play]
    base_url: str = ""
    requests: list[Asked] = field(default_factory=list)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: a client left in the middle of an answer."""
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    """Connections so far."""
    open_connections: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        self.connections += 1
        self.open_connections += 1
        try:
            while (asked := await _read(reader)) is not None:
                self.requests.append(asked)
                if not await self._play(self.plays[min(len(self.requests), len(self.plays)) - 1], reader, writer):
                    return
        finally:
            self.open_connections -= 1
            writer.close()

    async def _play(self, play: Play, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection goes on."""
        for step in play:
            if step == CUT:
                writer.transport.abort()
                return False
            if step == END:
                return False
            if step == HELD:
                await self.go_on.wait()
                continue
            if step is HANG:
                await reader.read(1)
                self.gone.set()
                return False
            writer.write(step)
            await writer.drain()
        return True


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(head[0].split(" ")[1], headers, json.loads(body))


def whole(value: object, status: int = 200, **headers: str) -> Play:
    """A whole JSON answer; a value of bytes is sent as it is."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    extra = "".join(f"{name.replace('_', '-')}: {one}\r\n" for name, one in headers.items())
    head = f"HTTP/1.1 {status} Said\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n{extra}\r\n"
    return (head.encode() + body,)


def streamed(*values: object, ends: Play = (b"0\r\n\r\n",)) -> Play:
    """A stream of events, each in a chunk of its own; a value that is a text is the event's data as it is."""
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    datas = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return (head, *(_chunk(f"data: {data}\n\n".encode()) for data in datas), *ends)


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def answer(text: str = "It is blue.", **message: Any) -> dict[str, Any]:
    """A chat completion as a server sends it."""
    said = {"role": "assistant", "content": text, **message}
    return {
        "id": "chatcmpl-theirs", "object": "chat.completion", "created": 1, "model": "their-name",
        "choices": [{"index": 0, "message": said, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10},
        "timings": {"predicted_ms": 4.5},
    }  # fmt: skip


def piece(delta: Mapping[str, Any], reason: str | None = None, index: int = 0, **more: Any) -> dict[str, Any]:
    """A piece of a streamed chat completion."""
    choice = {"index": index, "delta": delta, "finish_reason": reason}
    return {
        "id": "theirs",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "their-name",
        "choices": [choice],
        **more,
    }


USAGE: Mapping[str, Any] = {
    "id": "theirs", "object": "chat.completion.chunk", "created": 1, "model": "their-name", "choices": [],
    "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
}  # fmt: skip


def spoken(*words: str) -> Play:
    """A stream that says these words, with the usage at its end."""
    pieces = [piece({"role": "assistant", "content": ""}), *(piece({"content": word}) for word in words)]
    return streamed(*pieces, piece({}, "stop"), USAGE, "[DONE]")


@asynccontextmanager
async def played(*plays: Play, certificate: tuple[Path, Path] | None = None) -> AsyncIterator[PlayedServer]:
    """A running server. certificate: its file and that of its key, for one that speaks TLS."""
    server, tls = PlayedServer(list(plays)), None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(*certificate)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.base_url = f"http{'s' if tls else ''}://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield server
    finally:
        listener.close()
