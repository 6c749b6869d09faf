"""Both listeners against stock exporters and strangers: what is answered is in the spool, and what is refused says why."""

from __future__ import annotations

import asyncio
import gzip
import json
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import httpx2
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness.http.otlp_door import OtlpDoor, otlp_door
from unit.otlp.made_spans import chat, export, span
from weir.access.refusals import Refusal
from weir.access.request_id_secret import request_id_secret
from weir.access.request_ids import issued_id
from weir.events import InferenceCompleted, SpansRecorded
from weir.otlp.api.http_listener import inflate
from weir.otlp.core.export import Refusals, UnreadableExport
from weir.otlp.core.export_json import DEPTH_MAX, read_json
from weir.runtime.clock import now_us

pytestmark = pytest.mark.capability("U3")

PROTOBUF = {"content-type": "application/x-protobuf"}
JSON = {"content-type": "application/json"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[OtlpDoor]:
    async with otlp_door(tmp_path) as running:
        yield running


def now_export(*spans: Any) -> ExportTraceServiceRequest:
    return export(*spans, at_us=now_us())


async def post(door: OtlpDoor, body: bytes, headers: dict[str, str], tenant: str = "demo") -> httpx2.Response:
    async with httpx2.AsyncClient() as client:
        return await client.post(f"{door.http}/v1/traces", content=body, headers={**door.headers(tenant), **headers})


async def call(door: OtlpDoor, body: bytes, tenant: str = "demo") -> bytes:
    metadata = tuple(door.headers(tenant).items())
    async with grpc.aio.insecure_channel(door.grpc) as channel:
        return bytes(await channel.unary_unary(EXPORT)(body, metadata=metadata))


def reported(exporter: SpanExporter) -> SpanExportResult:
    """What a stock SDK's exporter says of two spans, a call and its caller."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource.create({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("tests", "1")
    with (
        tracer.start_as_current_span("answer", attributes={"customer": "gold"}),
        tracer.start_as_current_span("chat") as inner,
    ):
        inner.set_attributes(
            {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1", "gen_ai.prompt": "Why?"}
        )
    result = exporter.export(kept.get_finished_spans())
    exporter.shutdown()
    provider.shutdown()
    return result


def exporters(door: OtlpDoor, headers: dict[str, str]) -> dict[str, SpanExporter]:
    return {
        "http": HttpExporter(f"{door.http}/v1/traces", headers=headers),
        "http-gzip": HttpExporter(f"{door.http}/v1/traces", headers=headers, compression=Compression.Gzip),
        "grpc": GrpcExporter(door.grpc, insecure=True, headers=headers),
        "grpc-gzip": GrpcExporter(door.grpc, insecure=True, headers=headers, compression=grpc.Compression.Gzip),
    }


@pytest.mark.parametrize("way", ["http", "http-gzip", "grpc", "grpc-gzip"])
async def test_a_stock_exporter_succeeds_and_its_spans_are_in_the_spool(door: OtlpDoor, way: str) -> None:
    result = await asyncio.to_thread(reported, exporters(door, door.headers())[way])

    assert result is SpanExportResult.SUCCESS
    events = door.events()
    assert [event.seq for event in events] == [0, 1, 2, 3]
    assert {event.tenant for event in events} == {"demo"}
    [completed] = [event for event in events if isinstance(event, InferenceCompleted)]
    [outer, inner] = sorted((event for event in events if isinstance(event, SpansRecorded)), key=lambda one: one.route)
    assert (completed.route, completed.input_text) == ("gpt-4.1", "Why?")
    assert (inner.parent_span_id, inner.trace_id) == (outer.span_id, outer.trace_id)


@pytest.mark.parametrize("way", ["http", "grpc"])
async def test_a_stock_exporter_is_told_at_once_that_its_key_is_none(door: OtlpDoor, way: str) -> None:
    exporter = exporters(door, {"authorization": "Bearer weir_99999999_" + "x" * 43})[way]

    assert await asyncio.to_thread(reported, exporter) is SpanExportResult.FAILURE
    assert door.records() == []


async def test_the_tenant_is_that_of_the_key_whatever_the_spans_say(door: OtlpDoor) -> None:
    forged = span({"tenant": "demo", "weir.tenant": "demo"})

    await post(door, now_export(forged).SerializeToString(), {**PROTOBUF, "x-tenant": "demo"}, "other")

    assert {event.tenant for event in door.events()} == {"other"}


@pytest.mark.parametrize(("tenant", "status"), [("blind", 403), ("demo", 200)])
async def test_a_key_needs_the_scope(door: OtlpDoor, tenant: str, status: int) -> None:
    answer = await post(door, now_export(span()).SerializeToString(), PROTOBUF, tenant)

    assert answer.status_code == status


async def test_a_span_that_is_refused_is_named_in_partial_success_and_the_others_are_taken(door: OtlpDoor) -> None:
    old = span(start_time_unix_nano=1_577_836_800_000_000_000)  # 2020
    request = now_export(span(), span(span_id=b"\1"), chat())
    request.resource_spans[0].scope_spans[0].spans.append(old)

    over_grpc = ExportTraceServiceResponse.FromString(await call(door, request.SerializeToString(), "narrow"))
    over_http = await post(door, request.SerializeToString(), PROTOBUF, "narrow")

    assert over_grpc.partial_success.rejected_spans == 2
    assert "ids" in over_grpc.partial_success.error_message
    assert "WEIR_OTLP_AGE_S_MAX" in over_grpc.partial_success.error_message
    assert ExportTraceServiceResponse.FromString(over_http.content).partial_success.rejected_spans == 2
    assert len(door.records()) == 4


async def test_a_whole_success_says_nothing_of_a_part(door: OtlpDoor) -> None:
    answer = await post(door, now_export(span()).SerializeToString(), PROTOBUF)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"


async def test_json_is_answered_as_json(door: OtlpDoor) -> None:
    recorded = (Path(__file__).parent / "spans" / "openai-v2-2.4b0.json").read_text()
    body = recorded.replace("1795885205", str(now_us() // 1_000_000))

    answer = await post(door, body.encode(), JSON)

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {}
    assert len(door.records()) == 5


async def test_a_full_spool_asks_both_to_come_again(tmp_path: Path) -> None:
    async with otlp_door(tmp_path, WEIR_OTLP_SPOOL_BYTES_MAX="65536", WEIR_OTLP_SEGMENT_BYTES_MAX="4096") as door:
        body = now_export(*[span({"text": "x" * 4_000}, span_id=bytes([1] * 7 + [one + 1])) for one in range(40)])
        answer = await post(door, body.SerializeToString(), PROTOBUF)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(door, body.SerializeToString())
        used = door.receiver.numbers_used
        records = door.records()

    status = Status.FromString(answer.content)
    assert (answer.status_code, answer.headers["retry-after"], status.code) == (503, "5", 8)
    assert "WEIR_OTLP_SPOOL_BYTES_MAX" in status.message
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    details = Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"])
    retry = RetryInfo()
    assert details.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 5
    assert [record.seq for record in records] == list(range(used))


async def test_more_requests_than_are_served_at_once_are_asked_to_come_again(door: OtlpDoor) -> None:
    slots = door.receiver.requests
    for one in range(door.receiver.settings.requests_at_once_max):
        slots.take(f"t{one}", f"k{one}")
    answer = await post(door, now_export(span()).SerializeToString(), PROTOBUF)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert door.records() == []


async def test_spans_beyond_the_limit_of_a_request_are_refused_and_counted(tmp_path: Path) -> None:
    async with otlp_door(tmp_path, WEIR_OTLP_SPANS_MAX="10") as door:
        many = now_export(*[span(span_id=bytes([2] * 7 + [one + 1])) for one in range(20)])
        answer = ExportTraceServiceResponse.FromString((await post(door, many.SerializeToString(), PROTOBUF)).content)

        assert answer.partial_success.rejected_spans == 20 - len(door.records())
    assert "WEIR_OTLP_SPANS_MAX" in answer.partial_success.error_message


async def test_a_request_is_recorded_in_a_multiple_of_its_limit_at_most(tmp_path: Path) -> None:
    async with otlp_door(tmp_path, WEIR_OTLP_REQUEST_BYTES_MAX="8192") as door:
        request = now_export(*[span(span_id=bytes([3] * 7 + [one + 1])) for one in range(90)])
        request.resource_spans[0].resource.attributes.add(key="long").value.string_value = "x" * 250
        answer = ExportTraceServiceResponse.FromString(
            (await post(door, request.SerializeToString(), PROTOBUF)).content
        )
        records = door.records()

    assert answer.partial_success.rejected_spans == 90 - len(records) > 0
    assert sum(len(body) for record in records for _, _, body in record.messages) < 5 * 8_192


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"no protobuf", PROTOBUF, 400),
        (b"\x0a" * 3_000, PROTOBUF, 400),
        (b"[]", JSON, 400),
        (b"{", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b"no gzip", {**PROTOBUF, "content-encoding": "gzip"}, 400),
        (gzip.compress(b"x" * 5_000_000), {**PROTOBUF, "content-encoding": "gzip"}, 413),
        (b"x" * 5_000_000, PROTOBUF, 413),
        (b"x", {**PROTOBUF, "content-encoding": "br"}, 415),
        (b"x", {"content-type": "text/plain"}, 415),
        (b"", {}, 200),
    ],
)
async def test_a_body_that_is_none_is_refused_in_the_form_of_its_request(
    door: OtlpDoor, body: bytes, headers: dict[str, str], status: int
) -> None:
    answer = await post(door, body, headers)

    assert answer.status_code == status
    if status != 200 and headers.get("content-type") == PROTOBUF["content-type"]:
        assert Status.FromString(answer.content).message
    if headers == JSON:
        assert answer.json()["message"]
    assert door.records() == []


@pytest.mark.parametrize(
    ("body", "code"), [(b"no protobuf", "INVALID_ARGUMENT"), (b"x" * 5_000_000, "RESOURCE_EXHAUSTED")]
)
async def test_a_message_that_is_none_is_refused_and_is_not_to_be_sent_again(
    door: OtlpDoor, body: bytes, code: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(door, body)

    assert caught.value.code().name == code
    assert not Status.FromString(dict(caught.value.trailing_metadata())["grpc-status-details-bin"]).details


async def test_metrics_and_logs_are_not_served(door: OtlpDoor) -> None:
    async with httpx2.AsyncClient() as client:
        assert (await client.post(f"{door.http}/v1/metrics", json={}, headers=door.headers())).status_code == 404
    async with grpc.aio.insecure_channel(door.grpc) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await channel.unary_unary("/opentelemetry.proto.collector.logs.v1.LogsService/Export")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_call_that_the_gateway_recorded_is_known_by_the_secret_that_both_have(door: OtlpDoor) -> None:
    secret = request_id_secret(door.receiver.settings.request_id_secret)
    ours, of_others = issued_id(now_us(), 1, "demo", secret), issued_id(now_us(), 1, "demo", b"another" * 5)

    await post(door, now_export(chat(gen_ai__response__id=f"chatcmpl-{ours}")).SerializeToString(), PROTOBUF)
    known = door.events()
    await post(door, now_export(chat(gen_ai__response__id=f"chatcmpl-{of_others}")).SerializeToString(), PROTOBUF)

    assert (len(known), len(door.events())) == (1, 3)


async def test_a_request_sent_twice_has_the_same_ids_under_new_numbers(door: OtlpDoor) -> None:
    body = now_export(span(), chat(), span(span_id=b"\7" * 8)).SerializeToString()

    await post(door, body, PROTOBUF)
    await call(door, body)

    events = door.events()
    assert [event.seq for event in events] == list(range(10))
    assert [event.event_id for event in events[:5]] == [event.event_id for event in events[5:]]


async def test_requests_side_by_side_share_gapless_numbers(door: OtlpDoor) -> None:
    bodies = [
        now_export(*[span(span_id=bytes([one + 1] * 7 + [two + 1])) for two in range(100)]).SerializeToString()
        for one in range(6)
    ]

    await asyncio.gather(*(post(door, body, PROTOBUF) for body in bodies))

    assert [record.seq for record in door.records()] == list(range(600))


@given(st.binary(max_size=2_000), st.integers(0, 64))
def test_what_is_inflated_is_what_was_compressed_or_is_refused(data: bytes, lost: int) -> None:
    packed = gzip.compress(data)

    assert inflate(packed, 2_000) == data
    with pytest.raises(Refusal):
        inflate(packed + b"more", 2_000)
    if lost and lost < len(packed):
        with pytest.raises(Refusal):
            inflate(packed[:-lost], 2_000)
    if len(data) > 1:
        with pytest.raises(Refusal, match="once inflated"):
            inflate(packed, len(data) - 1)


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["\ud800", "9" * 5_000]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId", "spanId", "name", "attributes", "key", "value",
                         "stringValue", "intValue", "arrayValue", "values", "startTimeUnixNano", "kind", "status", "unknown"]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(ANY_JSON, ANY_JSON)
def test_any_json_is_a_request_whose_spans_are_read_or_refused_alone(span_like: Any, around: Any) -> None:
    good = {"traceId": "01" * 16, "spanId": "02" * 8, "name": "\ud800"}
    document = {
        "resourceSpans": [around, {"resource": around, "scopeSpans": [{"scope": around, "spans": [good, span_like]}]}]
    }
    refusals = Refusals()

    request = read_json(json.dumps(document).encode(), refusals, 100)

    read = [one for of_resource in request.resource_spans for scope in of_resource.scope_spans for one in scope.spans]
    assert next(one for one in read if one.trace_id).name == "\N{REPLACEMENT CHARACTER}"
    assert request.SerializeToString()


def test_a_span_of_deep_json_is_refused_and_the_one_beside_it_is_read() -> None:
    deep: Any = "x"
    for _ in range(DEPTH_MAX + 5):
        deep = {"arrayValue": {"values": [deep]}}
    refusals = Refusals()
    spans = [{"name": "deep", "attributes": [{"key": "a", "value": deep}]}, {"name": "flat"}]

    request = read_json(json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode(), refusals, 100)

    assert [one.name for one in request.resource_spans[0].scope_spans[0].spans] == ["flat"]
    assert refusals.counts == {"unreadable": 1}


@pytest.mark.parametrize("body", [b"\xff", b"null", b'"text"'])
def test_a_document_that_is_no_request_is_named(body: bytes) -> None:
    with pytest.raises(UnreadableExport, match="JSON"):
        read_json(body, Refusals(), 100)


def test_a_bomb_is_not_inflated_beyond_its_bound() -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = b"".join(bomb.compress(b"\0" * 1_000_000) for _ in range(12)) + bomb.flush()

    with pytest.raises(Refusal, match="once inflated"):
        inflate(packed, 4_194_304)
