"""What the server's metrics page says of `chat`.

A metric of Triton's Python backend is one place in memory that the model and the server share, and every change writes a
message there anew. Two threads that change one metric at a time free what the server still reads: it died of that within two
seconds. So one thread at a time comes in here, and `close` gives the metrics back while the server still listens.
"""

from __future__ import annotations

import threading
from typing import Any

from chat.answer import Piece

OUTCOMES = ("ok", "refused", "overloaded", "cancelled", "failed")


class Metrics:
    """Three families of the metrics page. Any thread may call; one at a time writes."""

    def __init__(self, backend: Any) -> None:
        """Backend: `triton_python_backend_utils`, which exists only in a model's process."""
        counter, gauge = backend.MetricFamily.COUNTER, backend.MetricFamily.GAUGE
        requests = backend.MetricFamily("chat_requests_total", "Requests by how they ended", counter)
        tokens = backend.MetricFamily("chat_tokens_total", "Tokens of answered requests", counter)
        under_way = backend.MetricFamily("chat_in_flight", "Requests under way or waiting for a slot", gauge)
        self._families = [requests, tokens, under_way]
        self._outcomes = {name: requests.Metric({"outcome": name}) for name in OUTCOMES}
        self._tokens = {kind: tokens.Metric({"kind": kind}) for kind in ("input", "output")}
        self._in_flight = [under_way.Metric({})]
        self._writing = threading.Lock()

    def taken(self) -> None:
        """One request more is under way or waits. A change, because threads may come here in any order."""
        with self._writing:
            self._in_flight[0].increment(1)

    def left(self) -> None:
        """One request fewer is under way or waits."""
        with self._writing:
            self._in_flight[0].increment(-1)

    def outcome(self, name: str) -> None:
        """A request ended."""
        with self._writing:
            self._outcomes[name].increment(1)

    def tokens(self, answer: Piece) -> None:
        """Tokens of a whole answer."""
        with self._writing:
            self._tokens["input"].increment(answer.prompt_tokens)
            self._tokens["output"].increment(answer.tokens)

    def close(self) -> None:
        """Give the metrics back; nothing may come after.

        One that is freed with the model itself, after `finalize`, finds no server and ends the process by SIGSEGV.
        """
        with self._writing:
            self._outcomes.clear()
            self._tokens.clear()
            self._in_flight.clear()
            self._families.clear()
