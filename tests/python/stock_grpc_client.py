"""A stock Python client (grpcio, with threads) that plays a fixed script against a server and prints what it saw, a JSON list.

Arguments: host:port, and the file of the authorities where the server speaks TLS.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
import queue
import sys
import threading
from typing import Any

import grpc

LARGEST = 8 << 20
WITHIN_S = 60
BOUNDS = [("grpc.max_receive_message_length", LARGEST), ("grpc.max_send_message_length", LARGEST)]


def main(address: str, authorities: str = "") -> None:
    """Play the script."""
    if authorities:
        trusting = grpc.ssl_channel_credentials(pathlib.Path(authorities).read_bytes())
        channel = grpc.secure_channel(address, trusting, BOUNDS)
    else:
        channel = grpc.insecure_channel(address, BOUNDS)
    with channel:
        json.dump(played(channel), sys.stdout)


def played(channel: Any) -> list[Any]:
    """What the client saw."""

    def unary(name: str, sent: bytes, **options: Any) -> Any:
        return channel.unary_unary(f"/test/{name}").future(sent, **{"timeout": WITHIN_S, **options})

    saw = [
        ["unary", digest(unary("echo", message(size)).result()), 0] for size in (0, 1, 16384, 70000, 1 << 20, LARGEST)
    ]
    squeezed = unary("echo", message(100000), compression=grpc.Compression.Gzip).result()
    saw.append(["compressed", digest(squeezed), 0])

    sending: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    stream = channel.stream_stream("/test/stream")(iter(sending.get, None), timeout=WITHIN_S)
    for number in range(50):
        sending.put(message(number * 1000))
        saw.append(["stream", digest(next(stream)), 0])
    sending.put(None)
    saw.append(["stream's end", next(stream, None) is None])
    counted = list(channel.unary_stream("/test/count")(b"100", timeout=WITHIN_S))
    saw.append(["count", digest(b"".join(counted)), True])

    saw.append(["deadline", number_of(unary("wait", b"", timeout=0.3).code())])
    waiting = unary("wait", b"")
    threading.Timer(0.1, waiting.cancel).start()
    saw.append(["cancel", number_of(waiting.code())])
    failed = unary("fail", b"5")
    status = number_of(failed.code())
    texts = [value for name, value in failed.trailing_metadata() if name == "x-text"]
    (content,) = [value for name, value in failed.trailing_metadata() if name == "x-bytes-bin"]
    saw.append(["status", status, failed.details(), texts, content.hex()])
    saw.append(["unknown", number_of(unary("nothing", b"").code())])
    saw.append(["next", digest(unary("echo", b"next").result()), 0])
    return saw


def number_of(code: grpc.StatusCode) -> int:
    """A status as it stands on the wire."""
    return int(code.value[0])


def digest(content: bytes) -> str:
    """Its length and the first half of its hash."""
    return f"{len(content)} {hashlib.sha256(content).hexdigest()[:16]}"


def message(size: int) -> bytes:
    """Content of so many bytes."""
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


if __name__ == "__main__":
    main(*sys.argv[1:])
