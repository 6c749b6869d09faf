"""Spans of OTLP for tests: one that is right in everything, and whatever a test changes of it."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

NOON_US = 1_795_521_600_000_000
"""2026-11-24 12:00 UTC."""

NS_PER_US = 1_000
TRACE_ID, SPAN_ID, PARENT_ID = bytes(range(1, 17)), bytes(range(1, 9)), bytes(range(2, 10))


def value_of(plain: Any) -> AnyValue:
    """A plain value as OTLP has it."""
    if isinstance(plain, AnyValue):
        return plain
    if isinstance(plain, bool):
        return AnyValue(bool_value=plain)
    if isinstance(plain, int):
        return AnyValue(int_value=plain)
    if isinstance(plain, float):
        return AnyValue(double_value=plain)
    if isinstance(plain, bytes):
        return AnyValue(bytes_value=plain)
    if isinstance(plain, list):
        return AnyValue(array_value=ArrayValue(values=[value_of(one) for one in plain]))
    if isinstance(plain, dict):
        return AnyValue(kvlist_value=KeyValueList(values=pairs_of(plain)))
    return AnyValue(string_value=plain)


def pairs_of(attributes: dict[str, Any]) -> list[KeyValue]:
    """Attributes as OTLP has them."""
    return [KeyValue(key=name, value=value_of(plain)) for name, plain in attributes.items()]


def span(attributes: dict[str, Any] | None = None, **fields: Any) -> Span:
    """A span of 250 ms with these attributes."""
    known = {
        "trace_id": TRACE_ID,
        "span_id": SPAN_ID,
        "parent_span_id": PARENT_ID,
        "name": "work",
        "kind": Span.SPAN_KIND_CLIENT,
        "start_time_unix_nano": NOON_US * NS_PER_US,
        "end_time_unix_nano": (NOON_US + 250_000) * NS_PER_US,
    }
    return Span(**{**known, **fields}, attributes=pairs_of(attributes or {}))


def chat(**attributes: Any) -> Span:
    """A span of a call of `gpt-4.1`. attributes: with __ for a dot."""
    named = {name.replace("__", "."): plain for name, plain in attributes.items()}
    return span({"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4.1", **named})


def export(*spans: Span, service: str = "shop", at_us: int | None = None) -> ExportTraceServiceRequest:
    """A request with these spans. at_us: when they end now; their own times where None."""
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add(resource=Resource(attributes=pairs_of({"service.name": service})))
    of_scope = of_resource.scope_spans.add(scope=InstrumentationScope(name="tests", version="1"))
    of_scope.spans.extend(spans)
    if at_us is not None:
        for one in of_scope.spans:
            one.start_time_unix_nano, one.end_time_unix_nano = (at_us - 250_000) * NS_PER_US, at_us * NS_PER_US
    return request
