"""Stock gRPC clients of several languages: each plays one script against the handlers of `pairs` and says what it saw."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

from harness.rpc.pairs import DETAILS, a_server, server_options
from weir.cli.stack.layout import repository
from weir.runtime.rpc.library import Library
from weir.runtime.tls.certificates import Certificates

STATE = repository() / ".weir"
"""Where `make setup-tests` puts what tests need."""

JAVA = STATE / "java-grpc"
COMMANDS = {
    "Go": [str(STATE / "go" / "stock_client")],
    "Java": ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", f"{JAVA}:{JAVA}/libs/*", "StockGrpcClient"],
    "Python": [sys.executable, str(repository() / "tests" / "python" / "stock_grpc_client.py")],
    "JavaScript": ["node", str(repository() / "tests" / "javascript" / "stock_grpc_client.cjs")],
}
"""How each client is started; the server's address comes behind, and the file of its authority where it speaks TLS."""

ENVIRONMENT = {"NODE_PATH": str(STATE / "node" / "node_modules"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
"""Without a proxy that a client would find."""

SCRIPT_S = 60.0
"""Seconds that a script may take. Chosen: twenty times what the slowest takes."""

UNARY_SIZES = (0, 1, 16_384, 70_000, 1_048_576, 8_388_608)
"""Bytes of the script's unary messages: around a frame, a window, and the bound."""

COMPRESSED_SIZE = 100_000
"""Bytes of the script's compressed message. Arbitrary: more than a window."""

STREAM_SIZES = range(0, 50_000, 1_000)
"""Bytes of the messages of the script's stream."""


async def played(client: str, library: Library, tls: tuple[Certificates, Path] | None = None) -> list[Any]:
    """What a client saw of a server of this library. tls: what the server shows, and the file of the authority behind it."""
    certificates, arguments = (None, ()) if tls is None else (tls[0], (str(tls[1]),))
    async with a_server(library, server_options(), 0, certificates) as (_, _, port):
        code, said, wrong = await ran(*COMMANDS[client], f"127.0.0.1:{port}", *arguments)
    assert code == 0, f"{wrong}\nIs it there? make setup-tests"
    seen: list[Any] = json.loads(said)
    return seen


async def ran(*command: str) -> tuple[int | None, str, str]:
    """Exit code, standard output and errors of a program."""
    program = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=ENVIRONMENT
    )
    try:
        async with asyncio.timeout(SCRIPT_S):
            said, wrong = await program.communicate()
    except TimeoutError:
        program.kill()
        await program.wait()
        raise
    return program.returncode, said.decode(), wrong.decode()


def expected() -> list[Any]:
    """What the script shows of a server that keeps every byte."""
    counted = b"".join(b"%d" % number for number in range(100))
    return [
        *[["unary", digest(message(size)), 0] for size in UNARY_SIZES],
        ["compressed", digest(message(COMPRESSED_SIZE)), 0],
        *[["stream", digest(message(size)), 0] for size in STREAM_SIZES],
        ["stream's end", True],
        ["count", digest(counted), True],
        ["deadline", 4],
        ["cancel", 1],
        ["status", 5, DETAILS, ["b", "c"], "00ff"],
        ["unknown", 12],
        ["next", digest(b"next"), 0],
    ]


def message(size: int) -> bytes:
    """Content of so many bytes."""
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


def digest(content: bytes) -> str:
    """Its length and the first half of its hash."""
    return f"{len(content)} {hashlib.sha256(content).hexdigest()[:16]}"
