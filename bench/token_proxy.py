"""A way to a page of the stack for code of an older commit, which sends no token: requests pass with it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2


@contextlib.contextmanager
def with_token(url: str, headers: Mapping[str, str]) -> Iterator[str]:
    """A URL on loopback for the length of the block: what is asked there is asked at `url`, with these headers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass_on()

        def do_POST(self) -> None:
            self._pass_on()

        def log_message(self, *_: object) -> None:
            """Nothing: a benchmark prints its table."""

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kind = self.headers.get("content-type")
            own = {**headers, **({"content-type": kind} if kind else {})}
            answer = httpx2.request(self.command, f"{url}{self.path}", content=body, headers=own, timeout=30)
            self.send_response(answer.status_code)
            self.send_header("content-type", answer.headers.get("content-type", "application/json"))
            self.send_header("content-length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
