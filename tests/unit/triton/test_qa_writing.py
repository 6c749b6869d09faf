"""`docs-chat` has its sentence from `chat` over HTTP: parts as they come, and every way of not answering by its name."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from qa.writing import AWAY, BROKEN, PATH, REFUSED, NotWritten, Part, written

Serve = Callable[[int, bytes], str]
PIECE = {"text_output": "It", "finish_reason": "None", "num_input_tokens": 90, "num_output_tokens": 1}
LAST = {"text_output": " dumps.", "finish_reason": "stop", "num_input_tokens": 90, "num_output_tokens": 3}


@pytest.fixture
def asked() -> list[tuple[str, Any]]:
    """What the server was asked."""
    return []


@pytest.fixture
def serve(asked: list[tuple[str, Any]]) -> Iterator[Serve]:
    """A server that gives each request the same answer; its address."""
    answer: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append((self.path, json.loads(self.rfile.read(int(self.headers["content-length"])))))
            status, body = answer[-1]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:

        def serving(status: int, body: bytes) -> str:
            answer.append((status, body))
            return f"127.0.0.1:{server.server_port}"

        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield serving
        server.shutdown()
        thread.join()


def events(*told: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in told)


def test_the_parts_come_in_their_order_and_the_last_says_why_it_ended(
    serve: Serve, asked: list[tuple[str, Any]]
) -> None:
    parts = list(written(serve(200, events(PIECE, LAST)), "Q", '{"max_tokens": 4}', is_stream=True))

    assert parts == [Part("It", None, 90, 1), Part(" dumps.", "stop", 90, 3)]
    [(path, body)] = asked
    assert path == PATH
    assert (body["text_input"], body["sampling_parameters"], body["stream"]) == ("Q", '{"max_tokens": 4}', True)
    assert body["exclude_input_in_output"]


@pytest.mark.parametrize(
    ("status", "body", "expected", "told"),
    [
        (400, b'{"error": "too long"}', REFUSED, "chat did not answer: too long"),
        (503, b'{"error": "80 wait"}', AWAY, "chat did not answer: 80 wait"),
        (200, events(PIECE, {"error": "died"}), BROKEN, "chat did not answer: died"),
        (200, events({"text_output": "x"}), BROKEN, "cannot be read: KeyError"),
        (404, b"no JSON", BROKEN, "cannot be read: JSONDecodeError"),
    ],
)
def test_a_refusal_and_an_error_are_told_with_their_status(
    serve: Serve, status: int, body: bytes, expected: int, told: str
) -> None:
    address = serve(status, body)

    with pytest.raises(NotWritten, match=told) as failure:
        list(written(address, "Q", "", is_stream=True))
    assert failure.value.status == expected


def test_a_server_that_cannot_be_reached_is_away() -> None:
    with HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        address = f"127.0.0.1:{server.server_port}"

    with pytest.raises(NotWritten, match=f"{address} cannot be reached: ConnectionRefusedError") as failure:
        list(written(address, "Q", "", is_stream=False))
    assert failure.value.status == AWAY
