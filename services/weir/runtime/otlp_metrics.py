"""Metrics for OTLP: what /metrics says, under the same names, read from the same registry when it is time to send.

Nothing is measured twice: a counter of Prometheus becomes a cumulative monotonic sum, a gauge a gauge, a histogram a
histogram with the same bounds.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from prometheus_client import Counter
from prometheus_client import Metric as Family
from prometheus_client.registry import CollectorRegistry

from weir.runtime.clock import now_us
from weir.runtime.otlp_spans import NS_PER_US, SCOPE

CREATED = "_created"
"""End of the name of the sample that says when a series began, seconds since 1970-01-01 UTC."""

NS_PER_S = 1_000_000_000

SENT = Counter("weir_otlp_metrics_total", "Sends of all metrics to the collector: exported or failed.", ["result"])

Labels = tuple[tuple[str, str], ...]


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
        told = metrics_data(self._registry.collect(), self._resource, now_us() * NS_PER_US)
        result = self._exporter.export(told)
        SENT.labels("exported" if result is MetricExportResult.SUCCESS else "failed").inc()


def metrics_data(families: Iterable[Family], resource: Resource, at_ns: int) -> MetricsData:
    """The families as OpenTelemetry's data. at_ns: now, nanoseconds since 1970-01-01 UTC."""
    metrics = [_metric(family, at_ns) for family in families if family.samples]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(SCOPE, metrics, "")], "")])


def _metric(family: Family, at_ns: int) -> Metric:
    series = _series(family)
    name = f"{family.name}_total" if family.type == "counter" else family.name
    data: Sum | Gauge | Histogram
    if family.type == "counter":
        points = [_number(labels, one, "_total", at_ns) for labels, one in series.items()]
        data = Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True)
    elif family.type == "histogram":
        histograms = [_histogram(labels, one, at_ns) for labels, one in series.items()]
        data = Histogram(histograms, AggregationTemporality.CUMULATIVE)
    else:
        data = Gauge([_number(labels, one, "", at_ns) for labels, one in series.items()])
    return Metric(name, family.documentation, family.unit, data)


@dataclass(slots=True)
class _Series:
    """Samples of one set of labels, by the end of their names; the counts of buckets by their upper bounds."""

    values: dict[str, float] = field(default_factory=dict)
    buckets: list[tuple[float, float]] = field(default_factory=list)


def _series(family: Family) -> Mapping[Labels, _Series]:
    found: dict[Labels, _Series] = defaultdict(_Series)
    for sample in family.samples:
        labels = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
        end = sample.name.removeprefix(family.name)
        if end == "_bucket":
            found[labels].buckets.append((float(sample.labels["le"]), sample.value))
        else:
            found[labels].values[end] = sample.value
    return found


def _number(labels: Labels, series: _Series, end: str, at_ns: int) -> NumberDataPoint:
    return NumberDataPoint(dict(labels), _began_ns(series, at_ns), at_ns, series.values[end])


def _histogram(labels: Labels, series: _Series, at_ns: int) -> HistogramDataPoint:
    bounds = [bound for bound, _ in series.buckets]
    return HistogramDataPoint(
        attributes=dict(labels),
        start_time_unix_nano=_began_ns(series, at_ns),
        time_unix_nano=at_ns,
        count=int(series.values["_count"]),
        sum=series.values["_sum"],
        bucket_counts=_apart([int(count) for _, count in series.buckets]),
        explicit_bounds=bounds[:-1],  # the last one is infinite
        **UNKNOWN,
    )


UNKNOWN: dict[str, Any] = {"min": None, "max": None}
"""Prometheus keeps neither the smallest nor the largest value."""


def _apart(cumulative: Sequence[int]) -> list[int]:
    before = [0, *cumulative[:-1]]
    return [count - less for count, less in zip(cumulative, before, strict=True)]


def _began_ns(series: _Series, at_ns: int) -> int:
    began_s = series.values.get(CREATED)
    return at_ns if began_s is None else min(at_ns, int(began_s * NS_PER_S))
