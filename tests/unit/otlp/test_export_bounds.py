"""What one request may cost the receiver, counted in what is read of it and not in seconds."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans

from harness.http.otlp_door import otlp_door
from unit.otlp.made_spans import pairs_of, span
from weir.otlp.app.receiver import TURN
from weir.otlp.core.export import Refusals, spans_in
from weir.otlp.core.export_json import read_json
from weir.otlp.core.span import RESOURCE_ATTRIBUTES_MAX
from weir.runtime.clock import now_us

pytestmark = pytest.mark.capability("U3")

SPANS_MAX = 20

SHAPES = st.lists(st.lists(st.integers(0, 8), max_size=6), max_size=6)
"""Requests: spans of each scope of each resource."""


class Counted(Sequence[KeyValue]):
    """Attributes that count how many of them are read."""

    def __init__(self, pairs: Sequence[KeyValue]) -> None:
        self.pairs = pairs
        self.reads = 0

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, at: Any) -> Any:
        found = self.pairs[at]
        self.reads += len(found) if isinstance(at, slice) else 1
        return found

    def __iter__(self) -> Iterator[KeyValue]:
        for one in self.pairs:
            self.reads += 1
            yield one


def read_of(scopes: list[int], attributes: int) -> int:
    """Attributes of a resource that are read for scopes with so many spans each."""
    pairs = Counted(pairs_of({f"a.{one}": "x" for one in range(attributes)}))
    resource = SimpleNamespace(attributes=pairs, dropped_attributes_count=0)
    of_scopes = [ScopeSpans(spans=[span()] * count) for count in scopes]
    request = SimpleNamespace(resource_spans=[SimpleNamespace(resource=resource, scope_spans=of_scopes)])
    list(spans_in(cast(ExportTraceServiceRequest, request), 8_192, Refusals()))
    return pairs.reads


@given(st.lists(st.integers(0, 2), max_size=40), st.integers(0, 200))
def test_a_resource_is_read_within_its_bound_however_many_scopes_it_has(scopes: list[int], attributes: int) -> None:
    looks = 2  # at the names, and at how long they are
    assert read_of(scopes, attributes) <= looks * (RESOURCE_ATTRIBUTES_MAX + 1) * any(scopes)


def made(shape: list[list[int]]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    for scopes in shape:
        of_resource = request.resource_spans.add()
        for count in scopes:
            of_resource.scope_spans.add().spans.extend([span()] * count)
    return request


def written(shape: list[list[int]], span_json: object) -> bytes:
    of_resources = [{"scopeSpans": [{"spans": [span_json] * count} for count in scopes]} for scopes in shape]
    return json.dumps({"resourceSpans": of_resources}).encode()


@given(SHAPES)
def test_json_is_bounded_as_protobuf_is_and_answered_with_the_same_words(shape: list[list[int]]) -> None:
    of_json, of_protobuf = Refusals(), Refusals()

    read = read_json(written(shape, {"name": "work"}), of_json, SPANS_MAX)
    taken = [one for one in spans_in(read, SPANS_MAX, of_json) if one is not None]

    held = [one for one in spans_in(made(shape), SPANS_MAX, of_protobuf) if one is not None]
    assert len(taken) == len(held)
    assert (of_json.counts, of_json.text) == (of_protobuf.counts, of_protobuf.text)
    parts = [scope for resource in read.resource_spans for scope in resource.scope_spans]
    assert len(read.resource_spans) + len(parts) + len(taken) <= SPANS_MAX


@given(SHAPES)
def test_spans_that_cannot_be_read_count_as_well(shape: list[list[int]]) -> None:
    refusals = Refusals()

    read_json(written(shape, {"kind": {}}), refusals, SPANS_MAX)

    assert refusals.counts["unreadable"] <= SPANS_MAX
    assert refusals.count == sum(map(sum, shape))


@pytest.mark.parametrize("part", ["resourceSpans", "scopeSpans", "spans"])
async def test_a_body_of_many_empty_things_costs_no_more_than_its_limit(tmp_path: Path, part: str) -> None:
    many: list[object] = [{}] * 50_000
    document: object = {"spans": many}
    document = {"resourceSpans": [{"scopeSpans": [document] if part == "spans" else many}]}
    body = gzip.compress(json.dumps({"resourceSpans": many} if part == "resourceSpans" else document).encode())
    async with otlp_door(tmp_path) as door, httpx2.AsyncClient() as client:
        headers = {**door.headers(), "content-type": "application/json", "content-encoding": "gzip"}
        answer = await client.post(f"{door.http}/v1/traces", content=body, headers=headers)
        spans_max = door.receiver.settings.spans_max

    said = answer.json().get("partialSuccess", {})
    assert int(said.get("rejectedSpans", 0)) == (len(many) if part == "spans" else 0)
    if part == "spans":
        assert f"{len(many) - spans_max + 2} spans refused (too_many)" in said["errorMessage"]


async def test_others_have_their_turn_while_spans_of_one_request_are_refused(tmp_path: Path) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.extend([span(trace_id=b"")] * (TURN * 4))
    refusals = Refusals()
    async with otlp_door(tmp_path) as door:
        with door.receiver.enter(door.headers()["authorization"]) as admitted:
            other = asyncio.create_task(others())
            await door.receiver.take(admitted.caller, lambda: request, refusals)
            other.cancel()

    assert refusals.count == TURN * 4
    assert turns >= 4


async def test_protobuf_that_is_over_the_limit_is_answered_with_the_limit(tmp_path: Path) -> None:
    request = made([[0] * 400])
    for scope in request.resource_spans[0].scope_spans:
        scope.scope.name = "x"
    request.resource_spans[0].scope_spans.add().spans.append(span(end_time_unix_nano=now_us() * 1_000))
    async with otlp_door(tmp_path, WEIR_OTLP_SPANS_MAX="100") as door, httpx2.AsyncClient() as client:
        headers = {**door.headers(), "content-type": "application/x-protobuf"}
        answer = await client.post(f"{door.http}/v1/traces", content=request.SerializeToString(), headers=headers)

    said = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert said.rejected_spans == 1
    assert "WEIR_OTLP_SPANS_MAX" in said.error_message
