"""A webhook receiver of the user's own: verifies each delivery with the stock `standardwebhooks` library, keeps it.

It listens on a free loopback port. A delivery with a wrong signature is answered 401 and kept as unverified, so that
the evidence can tell "none came" from "one came and was forged".
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BODY_BYTES_MAX = 1_048_576
"""Largest body read. Chosen: an Alertmanager notification of 100 alerts has about 100 KB."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST: when it came (monotonic seconds), whether its signature was right, and the JSON body if it was."""

    at_s: float
    verified: bool
    body: dict[str, Any]

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts of the notification (Alertmanager v4)."""
        return list(self.body.get("alerts", []))


def new_secret() -> str:
    """A fresh signing secret in the form Standard Webhooks prescribes."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


class Receiver:
    """Deliveries so far, and the server that takes them."""

    def __init__(self, secret: str) -> None:
        """secret: `whsec_` and base64."""
        self._webhook = Webhook(secret)
        self._deliveries: list[Delivery] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self._take))
        self.secret = secret

    @property
    def url(self) -> str:
        """Where to deliver."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/webhook"

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """All deliveries in order of arrival."""
        return tuple(self._deliveries)

    def serve(self) -> None:
        """Take deliveries until `close`; run it in a thread."""
        self._server.serve_forever(poll_interval=0.1)

    def close(self) -> None:
        """Stop and free the port."""
        self._server.shutdown()
        self._server.server_close()

    def _take(self, body: bytes, headers: dict[str, str]) -> bool:
        at_s = time.monotonic()
        try:
            parsed = self._webhook.verify(body, headers)
        except (WebhookVerificationError, json.JSONDecodeError, UnicodeDecodeError):
            self._deliveries.append(Delivery(at_s, False, {}))
            return False
        self._deliveries.append(Delivery(at_s, True, dict(parsed)))
        return True


@contextmanager
def receiving(secret: str) -> Iterator[Receiver]:
    """A receiver that listens for the length of the block."""
    receiver = Receiver(secret)
    thread = threading.Thread(target=receiver.serve, name="webhook-receiver", daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.close()
        thread.join()


def _handler(take: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", "0"))
            if length > BODY_BYTES_MAX:
                self._answer(413)
                return
            body = self.rfile.read(length)
            self._answer(204 if take(body, dict(self.headers.items())) else 401)

        def _answer(self, status: int) -> None:
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep the terminal for the demo's own lines."""

    return Handler
