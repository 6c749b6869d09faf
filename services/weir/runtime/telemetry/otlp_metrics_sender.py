"""Sender of metrics: a thread that reads a registry of Prometheus again and again and sends it to the collector.

The rule: a send that goes wrong, whatever the reason, costs that send alone. It is counted, and the next one is made.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult
from opentelemetry.sdk.resources import Resource
from prometheus_client import Counter
from prometheus_client import Metric as Family
from prometheus_client.registry import CollectorRegistry

from weir.runtime.clock import now_us
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.otlp_metrics import is_sendable, metrics_data
from weir.runtime.telemetry.otlp_spans import NS_PER_US

SENT = Counter("weir_otlp_metrics_total", "Sends of all metrics to the collector: exported or failed.", ["result"])
"""`failed` rises: the collector is away or refuses, or a metric cannot be read; the log names the error."""


class RegistrySender:
    """Sends a registry of Prometheus again and again, and once more at the end, from a thread of its own.

    The SDK's periodic reader reads instruments of the SDK only, and is not to be given others.
    """

    def __init__(
        self, exporter: MetricExporter, registry: CollectorRegistry, resource: Resource, every_s: float
    ) -> None:
        """every_s: seconds between two sends."""
        self._exporter = exporter
        self._registry = registry
        self._resource = resource
        self._every_s = every_s
        self._left_out: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="otlp-metrics", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Send a last time and end; the exporter's own time limit bounds it."""
        self._ended.set()
        self._thread.join()
        self._exporter.shutdown()

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            self._send()
        self._send()

    def _send(self) -> None:
        try:
            families = list(self._registry.collect())
            self._name_left_out(families)
            data = metrics_data(families, self._resource, now_us() * NS_PER_US)
            is_sent = self._exporter.export(data) is MetricExportResult.SUCCESS
        except Exception as error:  # noqa: BLE001  # a collector of the registry can raise anything; the thread must not end
            logger().warning("otlp_metrics_failed", error=repr(error))
            is_sent = False
        SENT.labels("exported" if is_sent else "failed").inc()

    def _name_left_out(self, families: Iterable[Family]) -> None:
        """Say once of each family that it cannot be sent."""
        for family in families:
            if not is_sendable(family) and family.name not in self._left_out:
                self._left_out.add(family.name)
                logger().warning("otlp_metric_left_out", metric=family.name, type=family.type)
