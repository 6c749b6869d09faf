"""A stock receiver of OTLP over HTTP: the collector's published messages, parsed by OpenTelemetry's own classes."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

POLL_S = 0.02
"""Seconds between two looks of the server at whether it is to end."""


@dataclass
class Receiver:
    """What came in, in the order of its arrival."""

    url: str = ""
    status: int = 200
    """Answer to every export."""
    spans: list[tuple[str, Span]] = field(default_factory=list)
    """service.name and span."""
    resources: list[dict[str, str]] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)

    def trace(self, trace_id: str) -> dict[str, Span]:
        """Spans of a trace by their ids, hexadecimal; one that came twice is there once."""
        found = [span for _, span in self.spans if span.trace_id.hex() == trace_id]
        return {span.span_id.hex(): span for span in found}

    def services(self, trace_id: str) -> set[str]:
        """Names of the services that took part in a trace."""
        return {service for service, span in self.spans if span.trace_id.hex() == trace_id}

    def take(self, path: str, body: bytes) -> bytes:
        """Keep an export; the answer to it. Raises DecodeError for what is no OTLP, KeyError for another path."""
        if path == "/v1/traces":
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                said = attributes(group.resource)
                self.resources.append(said)
                self.spans += [(said["service.name"], span) for scope in group.scope_spans for span in scope.spans]
            return bytes(ExportTraceServiceResponse().SerializeToString())
        if path == "/v1/metrics":
            for metrics in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                self.resources.append(attributes(metrics.resource))
                self.metrics += [metric for scope in metrics.scope_metrics for metric in scope.metrics]
            return bytes(ExportMetricsServiceResponse().SerializeToString())
        raise KeyError(path)


def attributes(holder: Resource | Span) -> dict[str, str]:
    """Attributes as texts, numbers and lists too."""
    found = {}
    for one in holder.attributes:
        kind = one.value.WhichOneof("value")
        found[one.key] = str(getattr(one.value, kind)) if kind else ""
    return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a port of its own, for the length of the block."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            body = gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body
            answer = receiver.take(self.path, body) if receiver.status == 200 else b""
            self.send_response(receiver.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Exports are looked at, not logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    receiver.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(POLL_S,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
