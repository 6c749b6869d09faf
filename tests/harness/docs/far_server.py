"""The reader's own OpenAI server: it answers every chat with one sentence, whole or in pieces."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler

from harness.http.openai_server import USAGE, answer, piece


class FarServer(BaseHTTPRequestHandler):
    """Takes every chat."""

    def do_POST(self) -> None:
        """Answer as it was asked."""
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        pieces = [piece({"role": "assistant", "content": "It is "}), piece({"content": "blue."}, "stop"), USAGE]
        events = [f"data: {json.dumps(one)}\n\n" for one in pieces] + ["data: [DONE]\n\n"]
        is_stream = asked.get("stream") is True
        body = "".join(events) if is_stream else json.dumps(answer())
        self.send_response(200)
        self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
