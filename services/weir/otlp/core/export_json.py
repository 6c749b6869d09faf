"""OTLP as JSON: the request of a JSON body. Ids are hex, unknown keys are passed over (OTLP, JSON Protobuf Encoding).

Law: whatever JSON a body holds, each of its spans becomes a Span message or is refused alone; a lone surrogate becomes U+FFFD.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message as AnyMessage
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from weir.events.loose_json import clean
from weir.otlp.core.export import Refusals, UnreadableExport, refuse_beyond
from weir.otlp.core.span import SpanRefused

DEPTH_MAX = 64
"""Levels of lists and objects. Chosen: a span stands at level 7, protobuf's own readers take 100."""

HEX_NAMES = frozenset({"traceId", "spanId", "parentSpanId", "trace_id", "span_id", "parent_span_id"})
"""Keys of ids: hex in OTLP's JSON, where protobuf's JSON has base64."""

SHOWN_CHARS = 100
"""Characters of a reader's complaint that an answer repeats."""

Object = Mapping[str, Any]


def read_json(body: bytes, refusals: Refusals, spans_max: int) -> ExportTraceServiceRequest:
    """The request of a JSON body; spans that cannot be read are refused. Raises UnreadableExport for what is no request.

    Resources, scopes and spans are counted while they are read. Those after the first `spans_max` cost no more than their
    count; of them the spans are refused together, as `spans_in` does it.
    """
    request, left, beyond = ExportTraceServiceRequest(), spans_max, 0
    for of_resource in _objects(_document(body), "resourceSpans", "resource_spans"):
        left -= 1
        resource_spans = request.resource_spans.add() if left > 0 else None
        if resource_spans is not None:
            _fill(resource_spans.resource, of_resource.get("resource"))
        for of_scope in _objects(of_resource, "scopeSpans", "scope_spans"):
            left -= 1
            spans = _objects(of_scope, "spans")
            if resource_spans is not None and left > 0:
                left -= _take(of_scope, islice(spans, left), resource_spans.scope_spans.add(), refusals)
            beyond += sum(1 for _ in spans)
    refuse_beyond(beyond, spans_max, refusals)
    return request


def _document(body: bytes) -> Object:
    """The object of a body. Raises UnreadableExport."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableExport(f"the {len(body)} bytes are no JSON: {type(error).__name__}") from None
    if not isinstance(document, dict):
        raise UnreadableExport(f"the body is a JSON {type(document).__name__}; expected an object with resourceSpans")
    return document


def _take(of_scope: Object, spans: Iterable[Object], scope_spans: ScopeSpans, refusals: Refusals) -> int:
    """Read a scope and these spans of it; returns how many there were, read or refused."""
    _fill(scope_spans.scope, of_scope.get("scope"))
    count = 0
    for span in spans:
        count += 1
        try:
            _parse(span, scope_spans.spans.add())
        except SpanRefused as refused:
            del scope_spans.spans[-1]
            refusals.add(refused)
    return count


def _fill(message: Resource | InstrumentationScope, found: object) -> None:
    """A resource or scope that cannot be read says nothing; its spans are kept."""
    try:
        _parse(found if isinstance(found, dict) else {}, message)
    except SpanRefused:
        message.Clear()


def _parse(found: Object, message: AnyMessage) -> None:
    try:
        ParseDict(_prepared(found, 0), message, ignore_unknown_fields=True)
    except (ParseError, ValueError, TypeError, AttributeError, RecursionError) as error:
        said = clean(str(error))[:SHOWN_CHARS]
        raise SpanRefused("unreadable", f"it is no Span of OTLP's JSON: {type(error).__name__}: {said}") from None


def _prepared(value: object, depth: int) -> Any:
    """The value as protobuf's reader takes it: ids as base64, texts as UTF-8 can carry them. Raises SpanRefused when too deep."""
    if depth > DEPTH_MAX:
        raise SpanRefused("unreadable", f"it has more than {DEPTH_MAX} levels of lists and objects")
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_prepared(one, depth + 1) for one in value]
    if isinstance(value, dict):
        return {
            clean(name): _id(one) if name in HEX_NAMES else _prepared(one, depth + 1) for name, one in value.items()
        }
    return value


def _id(value: object) -> str:
    """Hex as base64; what is no hex becomes no bytes, and the check of the span names the id."""
    try:
        found = binascii.unhexlify(value) if isinstance(value, str) else b""
    except (binascii.Error, ValueError):
        found = b""
    return base64.b64encode(found).decode()


def _objects(found: Object, *names: str) -> Iterator[Object]:
    for name in names:
        items = found.get(name)
        if isinstance(items, list):
            yield from (item for item in items if isinstance(item, dict))
