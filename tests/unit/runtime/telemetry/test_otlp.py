"""Export to a collector: what a stock receiver gets, what is refused at the start, and what a bad collector cannot do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.proto.trace.v1.trace_pb2 import Span as OtlpSpan
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Enum, Gauge, Histogram, Info, Summary
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily

from harness.http.otlp_receiver import Receiver, receiving
from weir.events import Span
from weir.events.trace_context import TraceContext
from weir.runtime.errors import BadSetting
from weir.runtime.telemetry import otlp
from weir.runtime.telemetry.metrics import BATCH_MESSAGES, MESSAGES
from weir.runtime.telemetry.otlp import Wanted, wanted
from weir.runtime.telemetry.otlp_exporter import join_within, resource_of
from weir.runtime.telemetry.otlp_metrics import is_sendable, metrics_data
from weir.runtime.telemetry.otlp_metrics_sender import RegistrySender
from weir.runtime.telemetry.span_words import links_attribute

URL = "http://127.0.0.1:4318"
BASE = {"OTEL_EXPORTER_OTLP_ENDPOINT": URL}
TRACE = TraceContext("a" * 32, "b" * 16, "03", "vendor=1,other=2")
LINK = TraceContext("c" * 32, "d" * 16, "01")


def span(service: str = "gateway", **fields: Any) -> Span:
    """A span of a call that ended badly."""
    told = {
        "gen_ai.request.model": "docs-qa",
        "gen_ai.usage.input_tokens": "7",
        "gen_ai.response.finish_reasons": "stop",
        **links_attribute([LINK]),
    }
    plain = {
        "span_id": "e" * 16,
        "parent_span_id": "b" * 16,
        "name": "chat docs-qa",
        "kind": "server",
        "service": service,
        "start_time_us": 1_000_000,
        "end_time_us": 1_000_250,
        "status": "error",
        "attributes": told,
    }
    return Span(**{**plain, **fields})


SPAN = span()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver that the standard variables name."""
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        yield found
        otlp.stop()


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("weir_otlp_spans_total", {"result": result}) or 0.0


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (False, False)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, (False, False)),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, (False, False)),
        (BASE, (True, True)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": URL}, (True, False)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": URL}, (False, True)),
        ({**BASE, "OTEL_TRACES_EXPORTER": "none"}, (False, True)),
        ({**BASE, "OTEL_METRICS_EXPORTER": "none"}, (True, False)),
        ({**BASE, "OTEL_SDK_DISABLED": "true"}, (False, False)),
        ({**BASE, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, (True, True)),
    ],
)
def test_the_standard_variables_switch_it_on(environment: dict[str, str], expected: tuple[bool, bool]) -> None:
    found = wanted(environment)

    assert (found.traces, found.metrics) == expected


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json"),
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_METRICS_EXPORTER", "prometheus"),
        ("OTEL_TRACES_SAMPLER", "traceidratio"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "127.0.0.1:4318"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "a minute"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "9" * 5_000),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "abc"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "4"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "9" * 20),
        ("OTEL_BSP_SCHEDULE_DELAY", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "99999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://:4318"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:99999"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318 "),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318?a=b"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://[::1"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "nan"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "-1"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "inf"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a%0d%0ab=c"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0ac"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "no pair"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/dev/null"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/nowhere/key.pem"),
        ("OTEL_RESOURCE_ATTRIBUTES", "no pair"),
        ("OTEL_SDK_DISABLED", "maybe"),
    ],
)
def test_what_weir_does_not_do_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name):
        wanted({**BASE, name: value})


@pytest.mark.parametrize(
    ("name", "value"),
    [("OTEL_EXPORTER_OTLP_HEADERS", "hunter2"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:hunter2@a:99999")],
)
def test_what_may_be_a_secret_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        wanted({**BASE, name: value})

    assert "hunter2" not in str(refused.value)


def test_what_the_sdk_reads_is_taken() -> None:
    served = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20abc, x-scope=a=b,",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "2.5",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_BSP_MAX_QUEUE_SIZE": "4096",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": " 4096 ",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=staging,a=b",
        "OTEL_SDK_DISABLED": "False",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://[::1]:4318/v1/traces?a=b",
        "OTEL_EXPORTER_OTLP_CERTIFICATE": "",
    }

    assert wanted({**BASE, **served}) == Wanted(traces=True, metrics=True)


def test_the_interval_is_in_milliseconds() -> None:
    assert wanted({**BASE, "OTEL_METRIC_EXPORT_INTERVAL": "5000"}) == Wanted(
        traces=True, metrics=True, metrics_every_s=5
    )


@pytest.mark.capability("O14")
def test_a_stock_receiver_gets_the_span_as_it_is_in_the_log(receiver: Receiver) -> None:
    otlp.start("gateway", "gw-1")
    otlp.export([SPAN], TRACE)
    otlp.export([SPAN], TraceContext("f" * 32, "b" * 16, "02"))
    otlp.stop()

    ((service, span),) = receiver.spans
    assert service == "gateway"
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == ("a" * 32, "e" * 16, "b" * 16)
    assert (span.trace_state, span.kind) == ("vendor=1,other=2", OtlpSpan.SPAN_KIND_SERVER)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (1_000_000_000, 1_000_250_000)
    assert [(link.trace_id.hex(), link.span_id.hex()) for link in span.links] == [("c" * 32, "d" * 16)]
    assert span.status.code == 2
    values = {one.key: one.value.WhichOneof("value") for one in span.attributes}
    assert values == {
        "gen_ai.request.model": "string_value",
        "gen_ai.usage.input_tokens": "int_value",
        "gen_ai.response.finish_reasons": "array_value",
    }
    said = receiver.resources[0]
    assert (said["service.namespace"], said["service.instance.id"]) == ("weir", "gw-1")
    assert said["service.version"]


def test_spans_of_other_services_name_those(receiver: Receiver) -> None:
    otlp.start("gateway-drain", "1")
    for service in ("gateway", "inference", "triton"):
        otlp.export([span(service, kind="odd word")], TRACE)
    otlp.stop()

    assert {service for service, _ in receiver.spans} == {"gateway", "inference", "triton"}
    assert all("service.instance.id" not in said for said in receiver.resources if said["service.name"] == "triton")


def test_metrics_are_those_of_the_page_and_nothing_is_counted_twice(receiver: Receiver) -> None:
    MESSAGES.labels("group", "topic").inc()
    BATCH_MESSAGES.labels("group").observe(7)
    otlp.start("gateway", "1")
    otlp.stop()

    names = {metric.name for metric in receiver.metrics}
    assert {"weir_messages_total", "weir_batch_messages", "process_open_fds"} <= names
    shown = {family.name for family in REGISTRY.collect()}
    assert {name.removesuffix("_total") for name in names} <= shown


def test_a_family_becomes_its_like() -> None:
    registry = CollectorRegistry()
    counter = Counter("calls", "Calls.", ["route"], registry=registry)
    counter.labels("a").inc(3)
    Gauge("lag", "Lag.", registry=registry).set(-2.5)
    histogram = Histogram("took_seconds", "Took.", buckets=(0.1, 1), registry=registry)
    for value in (0.05, 0.5, 0.6, 5):
        histogram.observe(value)

    data = metrics_data(registry.collect(), resource_of("x", "1"), 9_000_000_000_000_000_000)
    found: dict[str, Any] = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}

    calls, lag, took = found["calls_total"], found["lag"], found["took_seconds"]
    assert [(point.attributes, point.value) for point in calls.data_points] == [({"route": "a"}, 3.0)]
    assert calls.is_monotonic
    assert 0 < calls.data_points[0].start_time_unix_nano < calls.data_points[0].time_unix_nano
    assert [point.value for point in lag.data_points] == [-2.5]
    (point,) = took.data_points
    assert (point.count, point.bucket_counts, point.explicit_bounds) == (4, [1, 2, 1], [0.1, 1.0])
    assert (point.min, point.max) == (None, None)


def test_any_type_of_family_becomes_its_numbers_or_is_left_out() -> None:
    registry = CollectorRegistry()
    Summary("asked", "Asked.", registry=registry).observe(2.5)
    Info("build", "Build.", registry=registry).info({"version": "1"})
    Enum("phase", "Phase.", states=["on", "off"], registry=registry)
    Histogram("below_zero", "Below.", buckets=(-1, 1), registry=registry).observe(-2)
    families = [*registry.collect(), GaugeHistogramMetricFamily("waits", "Waits.", [("+Inf", 1.0)], gsum_value=1)]

    data = metrics_data(families, resource_of("x", "1"), 1)
    found: dict[str, Any] = {metric.name: metric.data for metric in data.resource_metrics[0].scope_metrics[0].metrics}

    values = {name: [point.value for point in found[name].data_points] for name in found if name != "below_zero"}
    assert values == {"asked_count": [1.0], "asked_sum": [2.5], "build_info": [1.0], "phase": [1.0, 0.0]}
    (point,) = found["below_zero"].data_points
    assert (point.bucket_counts, point.sum) == ([1, 0, 0], None)
    assert [family.name for family in families if not is_sendable(family)] == ["waits"]


class FailsOnce:
    """A collector of metrics that raises when it is read first."""

    def __init__(self) -> None:
        self.reads = 0
        self.read_again = threading.Event()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        self.reads += 1
        if self.reads == 1:
            raise OSError("not now")
        self.read_again.set()
        yield GaugeMetricFamily("lag", "Lag.", value=1)


def test_metrics_that_cannot_be_read_cost_one_send(receiver: Receiver) -> None:
    def sends(result: str) -> float:
        return REGISTRY.get_sample_value("weir_otlp_metrics_total", {"result": result}) or 0.0

    registry, collector, failed = CollectorRegistry(auto_describe=False), FailsOnce(), sends("failed")
    registry.register(collector)
    exporter = OTLPMetricExporter(f"{receiver.url}/v1/metrics")
    sender = RegistrySender(exporter, registry, resource_of("x", "1"), every_s=0.001)
    assert collector.read_again.wait(30)
    sender.shutdown()

    assert sends("failed") == failed + 1
    assert {metric.name for metric in receiver.metrics} == {"lag"}


def test_every_metric_of_this_process_can_be_sent() -> None:
    data = metrics_data(REGISTRY.collect(), resource_of("x", "1"), 1)
    assert all(is_sendable(family) for family in REGISTRY.collect())
    points = sum(len(one.data.data_points) for one in data.resource_metrics[0].scope_metrics[0].metrics)

    assert points > 0


@pytest.mark.parametrize("status", [400, 503])
def test_a_collector_that_refuses_costs_its_spans_and_nothing_else(receiver: Receiver, status: int) -> None:
    receiver.status = status
    failed = counted("failed")
    otlp.start("gateway", "1")
    otlp.export([SPAN], TRACE)
    otlp.stop()

    assert receiver.spans == []
    assert counted("failed") == failed + 1


def test_a_collector_that_is_away_fails_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "4")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    queued = counted("queued")
    otlp.start("gateway", "1")
    for _ in range(100):
        otlp.export([SPAN], TRACE)
    otlp.stop()

    assert counted("queued") == queued + 100


def test_a_stop_has_one_deadline_for_all_that_it_waits_for() -> None:
    at_s, waits = 100.0, list[float]()

    class Stuck:
        """A thread that does not end."""

        def __init__(self, takes_s: float) -> None:
            self.takes_s = takes_s

        def join(self, timeout: float) -> None:
            nonlocal at_s
            waits.append(timeout)
            at_s += min(timeout, self.takes_s)

    join_within([Stuck(1), Stuck(60), Stuck(60)], 3.0, lambda: at_s)

    assert waits == [3.0, 2.0, 0.0]
    assert at_s == 103.0


def test_a_collector_that_accepts_and_stays_silent_holds_up_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("weir.runtime.telemetry.otlp_exporter.STOP_S", 0.1)
    before = set(threading.enumerate())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        otlp.start("gateway", "1")
        otlp.export([SPAN], TRACE)
        otlp.stop()
        left = set(threading.enumerate()) - before
        assert left
        assert all(thread.daemon for thread in left)

        held = [silent.accept()[0] for _ in ("spans", "metrics")]
        for one in held:
            one.sendall(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        for thread in left:
            thread.join(30)
        for one in held:
            one.close()


def test_a_service_keeps_its_name_and_takes_more_attributes(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "everything")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=staging")
    otlp.start("alerts", "1")
    otlp.export([span("alerts")], TRACE)
    otlp.stop()

    assert {said["service.name"] for said in receiver.resources} == {"alerts"}
    assert {said["deployment.environment.name"] for said in receiver.resources} == {"staging"}


@pytest.mark.slow
def test_a_service_that_exports_nothing_does_not_even_load_the_sdk() -> None:
    loads = (
        "import sys, weir.capture.drain; from weir.runtime.telemetry import otlp; otlp.start('x', '1'); otlp.stop();"
    )
    told = f"{loads} sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"

    assert subprocess.run([sys.executable, "-c", told], env={"PATH": os.environ["PATH"]}, check=False).returncode == 0


def test_off_means_off() -> None:
    queued = counted("queued")
    otlp.export([SPAN], TRACE)

    assert counted("queued") == queued
    assert wanted({}) == Wanted(traces=False, metrics=False)
