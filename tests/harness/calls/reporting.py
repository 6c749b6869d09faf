"""An application that reports by OTLP: batches of spans over and over, each tried again until it is acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BATCH = 20
"""Spans of one request."""

PAUSE_S = 0.02
"""Seconds before a request is tried again."""

NS_PER_US = 1_000


class Reporting:
    """Threads that report while the block lasts. Law: every batch that was begun is acknowledged before the block ends."""

    def __init__(
        self, url: Callable[[], str], headers: Mapping[str, str], now_us: Callable[[], int], threads: int = 3
    ) -> None:
        """url: of the receiver, asked before each try."""
        self._url = url
        self._headers = {**headers, "content-type": "application/x-protobuf"}
        self._now_us = now_us
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(threads)]
        self._lock = threading.Lock()
        self.trace_id = int(time.time_ns()).to_bytes(16, "big")
        """Of all these spans."""
        self.acknowledged: list[bytes] = []
        """Span ids, in the order of their acknowledgement."""
        self.tries_failed = 0

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, number: int) -> None:
        batch = 0
        while not self._stop.is_set():
            batch += 1
            ids = [bytes([number + 1]) + (batch * BATCH + one).to_bytes(7, "big") for one in range(BATCH)]
            self._report(self._request(ids).SerializeToString(), ids)

    def _report(self, body: bytes, ids: Sequence[bytes]) -> None:
        while True:
            try:
                answer = httpx2.post(f"{self._url()}/v1/traces", content=body, headers=self._headers, timeout=10)
            except httpx2.TransportError:
                is_taken = False
            else:
                is_taken = answer.status_code == 200
                assert not answer.content, "a span was refused"
            with self._lock:
                if is_taken:
                    self.acknowledged += ids
                    return
                self.tries_failed += 1
            time.sleep(PAUSE_S)

    def _request(self, ids: Sequence[bytes]) -> ExportTraceServiceRequest:
        request, at_us = ExportTraceServiceRequest(), self._now_us()
        spans = request.resource_spans.add().scope_spans.add().spans
        for span_id in ids:
            spans.append(
                Span(
                    trace_id=self.trace_id, span_id=span_id, name="work",
                    start_time_unix_nano=(at_us - 1_000) * NS_PER_US, end_time_unix_nano=at_us * NS_PER_US,
                )
            )  # fmt: skip
        return request
