"""An answer without a length to a client of HTTP/1.0, which knows no chunks: it ends with its connection.

Uvicorn sends it in chunks; an nginx asks its upstreams in HTTP/1.0 by default.
"""

from __future__ import annotations

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def end_with_connection(cycle: RequestResponseCycle) -> None:
    """Make the answer of this cycle end with its connection where it has no length."""
    send, is_unframed = cycle.send, False

    async def send_unframed(message: ASGISendEvent) -> None:
        nonlocal is_unframed
        if message["type"] == "http.response.start":
            is_unframed = all(name.lower() != b"content-length" for name, _ in message.get("headers", []))
            cycle.chunked_encoding = False if is_unframed else None
        elif is_unframed and message["type"] == "http.response.body":
            cycle.expected_content_length = len(message.get("body", b""))  # of this piece: all of it is sent as it is
        await send(message)

    cycle.keep_alive = False
    cycle.send = send_unframed  # type: ignore[method-assign]  # uvicorn makes its cycles itself
