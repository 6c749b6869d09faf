"""Metrics for OTLP: what /metrics says, under the same names, read from the same registry when it is time to send.

Nothing is measured twice: a counter of Prometheus becomes a cumulative monotonic sum, a gauge a gauge, a histogram a
histogram with the same bounds. An info and a state set become gauges, a summary becomes its numbers.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from prometheus_client import Metric as Family

from weir.runtime.telemetry.otlp_spans import SCOPE

CREATED = "_created"
"""End of the name of the sample that says when a series began, seconds since 1970-01-01 UTC."""

NS_PER_S = 1_000_000_000

HISTOGRAM = "histogram"

NUMBERS: Mapping[str, Mapping[str, bool]] = {
    "counter": {"_total": True},
    "gauge": {"": False},
    "info": {"_info": False},
    "stateset": {"": False},
    "summary": {"": False, "_count": True, "_sum": False},
    "unknown": {"": False},
}
"""By type of family: the ends of its samples' names, and whether such a number only rises. A summary's sum may fall."""

Labels = tuple[tuple[str, str], ...]


def metrics_data(families: Iterable[Family], resource: Resource, at_ns: int) -> MetricsData:
    """The families as OpenTelemetry's data. at_ns: now, nanoseconds since 1970-01-01 UTC."""
    metrics = [metric for family in families if family.samples for metric in _metrics(family, at_ns)]
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(SCOPE, metrics, "")], "")])


def is_sendable(family: Family) -> bool:
    """Whether the family's type has its like in OTLP; a gauge histogram has none."""
    return family.type == HISTOGRAM or family.type in NUMBERS


def _metrics(family: Family, at_ns: int) -> Iterator[Metric]:
    """The metrics of a family: one, or of a summary one for each end of its samples' names; none of another type."""
    series = _series(family)
    if family.type == HISTOGRAM:
        histograms = [_histogram(labels, one, at_ns) for labels, one in series.items()]
        data = Histogram(histograms, AggregationTemporality.CUMULATIVE)
        yield Metric(family.name, family.documentation, family.unit, data)
    for end, rises in NUMBERS.get(family.type, {}).items():
        points = [_number(labels, one, end, at_ns) for labels, one in series.items() if end in one.values]
        if points:
            yield Metric(f"{family.name}{end}", family.documentation, family.unit, _numbers(points, rises=rises))


def _numbers(points: Sequence[NumberDataPoint], *, rises: bool) -> Sum | Gauge:
    return Sum(points, AggregationTemporality.CUMULATIVE, is_monotonic=True) if rises else Gauge(points)


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
        bucket_counts=_apart([int(count) for _, count in series.buckets]),
        explicit_bounds=bounds[:-1],  # the last one is infinite
        **_unknown(series),
    )


def _unknown(series: _Series) -> dict[str, Any]:
    """What OTLP may leave open: Prometheus keeps no smallest and no largest value, and no sum where a bound is negative."""
    return {"sum": series.values.get("_sum"), "min": None, "max": None}


def _apart(cumulative: Sequence[int]) -> list[int]:
    before = [0, *cumulative[:-1]]
    return [count - less for count, less in zip(cumulative, before, strict=True)]


def _began_ns(series: _Series, at_ns: int) -> int:
    began_s = series.values.get(CREATED)
    return at_ns if began_s is None else min(at_ns, int(began_s * NS_PER_S))
