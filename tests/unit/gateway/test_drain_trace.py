"""O14 through the spool: what a caller said about its trace stands in the headers of every message of its call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.span import SpanContext

from harness.http.otlp_receiver import receiving
from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US, SPAN_ID, TRACE_ID, call, call_end
from weir.capture.drain import Drain
from weir.capture.ledger_file import LedgerFile
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.drain.drain import opened_from, work_of
from weir.gateway.settings import SpoolSettings
from weir.runtime.telemetry import otlp

TOPICS = ("inference-requests", "inference-responses", "spans")


async def drained(folder: Path, **fields: str) -> MockKafka:
    """A broker with the events of one call. fields: of the call."""
    kafka = MockKafka()
    link, stop = kafka.link(folder, "gateway-drain"), asyncio.Event()
    writer = SpoolWriter(
        folder / "spool", boot_epoch=NOON_US, source="gateway/1", bytes_max=1_000_000, segment_bytes_max=100_000
    )
    capture = SpoolCapture(writer, source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=10_000)
    one = call(**fields)
    capture.write_request(one, b"")
    capture.write_end(one, call_end(), b"", KeptAnswer((), 0))
    drain = Drain(
        SpoolReader(folder / "spool"),
        LedgerFile(folder / "spool", opened_from),
        link,
        work_of(SpoolSettings(drain_share=1.0)),
    )
    await link.producer.start(stop)
    while await drain.step(stop):
        pass
    writer.close()
    await link.close()
    return kafka


def read_by_a_stock_consumer(kafka: MockKafka, topic: str) -> SpanContext:
    """What OpenTelemetry's own propagator finds in the headers of a topic's message."""
    (message,) = kafka.messages(topic)
    headers: Any = message.headers()
    carrier = {name: value.decode() for name, value in headers}
    return trace.get_current_span(TraceContextTextMapPropagator().extract(carrier)).get_span_context()


@pytest.mark.capability("O14")
@pytest.mark.parametrize("flags", ["00", "01", "02", "03"])
@pytest.mark.slow
async def test_a_stock_consumer_goes_on_in_the_callers_trace(tmp_path: Path, flags: str) -> None:
    kafka = await drained(tmp_path, trace_flags=flags, tracestate="vendor=1,other=2")

    for topic in TOPICS:
        found = read_by_a_stock_consumer(kafka, topic)
        assert (f"{found.trace_id:032x}", f"{found.span_id:016x}") == (TRACE_ID, SPAN_ID)
        assert found.trace_flags == int(flags, 16)
        assert found.trace_state.to_header() == "vendor=1,other=2"


async def test_the_drain_exports_a_calls_spans_and_only_sampled_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", f"{receiver.url}/v1/traces")
        otlp.start("gateway-drain", "1")
        await drained(tmp_path / "kept", tracestate="vendor=1")
        await drained(tmp_path / "left", trace_flags="00", trace_id="f" * 32)
        otlp.stop()

    assert {span.trace_id.hex() for _, span in receiver.spans} == {TRACE_ID}
    assert receiver.services(TRACE_ID) == {"gateway"}
