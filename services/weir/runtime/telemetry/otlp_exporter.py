"""The exporter behind `otlp`: OpenTelemetry's SDK with its batch processor and its OTLP exporters.

Every limit is the SDK's and is set by its standard variables: OTEL_BSP_MAX_QUEUE_SIZE spans wait (2,048), of which the oldest
are dropped; OTEL_EXPORTER_OTLP_TIMEOUT bounds a send (10 s), OTEL_METRIC_EXPORT_INTERVAL parts two of metrics (60 s).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from importlib import metadata
from typing import Protocol

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from prometheus_client import REGISTRY, Counter

from weir.events import Span
from weir.events.trace_context import TraceContext
from weir.runtime.clock import monotonic_s
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.otlp import Wanted
from weir.runtime.telemetry.otlp_metrics_sender import RegistrySender
from weir.runtime.telemetry.otlp_spans import readable

NAMESPACE = "weir"
"""service.namespace of every service."""

STOP_S = 3.0
"""Seconds that a stop waits for what is not sent yet, spans and metrics together. Below the supervisor's 20 s with every other
part of a stop."""

EXPORTED = Counter(
    "weir_otlp_spans_total",
    "Spans for the collector: queued, and of those exported or failed. The rest waits or fell out of a full queue.",
    ["result"],
)
"""`failed` rises: the collector is away or refuses. Calls and events do not notice."""


class OtlpExporter:
    """Implements `otlp.Exporter`."""

    def __init__(self, service: str, instance: str, asked: Wanted) -> None:
        """service, instance: of this process, for its metrics and its own spans."""
        self._service = service
        self._own = resource_of(service, instance)
        self._others: dict[str, Resource] = {}
        self._processor = BatchSpanProcessor(_Counting(OTLPSpanExporter())) if asked.traces else None
        self._sender = (
            RegistrySender(OTLPMetricExporter(), REGISTRY, self._own, asked.metrics_every_s) if asked.metrics else None
        )
        logger().info("otlp_export", traces=asked.traces, metrics=asked.metrics)

    def take(self, spans: Iterable[Span], trace: TraceContext) -> None:
        """Queue spans of a sampled trace."""
        if self._processor is None or not trace.is_sampled:
            return
        for span in spans:
            EXPORTED.labels("queued").inc()
            self._processor.on_end(readable(span, trace, self._resource(span.service)))

    def stop(self) -> None:
        """Send what waits; gives up after STOP_S, whatever the collector does."""
        parts: list[Callable[[], object]] = []
        if self._processor is not None:
            parts.append(self._processor.shutdown)
        if self._sender is not None:
            parts.append(self._sender.shutdown)
        # The SDK waits up to 30 s; daemon threads do not keep the process when it gives up before.
        threads = [threading.Thread(target=part, daemon=True) for part in parts]
        for thread in threads:
            thread.start()
        join_within(threads, STOP_S, monotonic_s)

    def _resource(self, service: str) -> Resource:
        """Of the service that did the work: the drain exports spans that inference and Triton reported."""
        if service == self._service:
            return self._own
        if len(self._others) >= SERVICES_MAX:
            self._others.clear()
        return self._others.setdefault(service, resource_of(service, ""))


class Joinable(Protocol):
    """A thread, of which only its end matters."""

    def join(self, timeout: float) -> None:
        """Wait for its end, `timeout` seconds at most."""


def join_within(threads: Iterable[Joinable], within_s: float, clock_s: Callable[[], float]) -> None:
    """Wait for the threads, `within_s` seconds for all of them together. clock_s: monotonic time, seconds."""
    deadline_s = clock_s() + within_s
    for thread in threads:
        thread.join(max(0.0, deadline_s - clock_s()))


SERVICES_MAX = 64
"""Resources kept. A span's service is a word of the model server: more are made anew."""


def resource_of(service: str, instance: str) -> Resource:
    """Who speaks. instance: empty where it is not known. OTEL_RESOURCE_ATTRIBUTES adds attributes."""
    facts = {"service.namespace": NAMESPACE, "service.name": service}
    if instance:
        facts |= {"service.version": metadata.version("weir"), "service.instance.id": instance}
    created = Resource.create(facts).attributes
    # The SDK makes an instance up where none is named.
    return Resource({name: value for name, value in created.items() if instance or name != "service.instance.id"})


class _Counting(SpanExporter):
    """Counts what became of the spans."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        EXPORTED.labels("exported" if result is SpanExportResult.SUCCESS else "failed").inc(len(spans))
        return result

    def shutdown(self) -> None:
        self._inner.shutdown()
