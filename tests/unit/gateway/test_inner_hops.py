"""The trace of a call keeps what the hops behind the gateway told of themselves, streamed or not."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tritonclient.grpc import service_pb2

from unit.gateway.doors import Doors, doors, echo, piece_of, request_of
from weir.events import Span, SpansRecorded
from weir.gateway.core.completion import events_of
from weir.runtime.oip import SERVER_TIMING


class Hop:
    """An inference service that tells its span as the child of the span it was called under."""

    def __init__(self) -> None:
        self.traces: list[str] = []
        """Trace ids it was called with."""

    async def unary(self, message: bytes, context: Any) -> bytes:
        """One answer."""
        self._tell(context)
        return await echo(message, context)

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        """A piece for each request, none of which says that it is the last."""
        self._tell(context)
        async for message in requests:
            yield piece_of(service_pb2.ModelInferRequest.FromString(message).id)

    def _tell(self, context: Any) -> None:
        _, trace_id, caller, _ = dict(context.invocation_metadata())["traceparent"].split("-")
        self.traces.append(trace_id)
        span = {"name": "inference", "service": "inference", "span_id": "ab" * 8, "parent_span_id": caller}
        context.set_trailing_metadata(((SERVER_TIMING, json.dumps([span])),))


@pytest.mark.parametrize("way", ["chat", "chat streamed", "grpc", "grpc streamed"])
async def test_the_hop_behind_the_gateway_is_a_span_of_the_call(tmp_path: Path, way: str) -> None:
    async with doors(tmp_path) as gateway:
        hop = Hop()
        gateway.model.unary, gateway.model.stream = hop.unary, hop.stream
        await _asked(gateway, way)
        await gateway.until(lambda: gateway.is_ended(1))
        root, inner = _spans(gateway)[0]

    assert (inner.service, inner.span_id, inner.parent_span_id) == ("inference", "ab" * 8, root.span_id)
    assert hop.traces == [gateway.records()[-1].call.trace_id]  # type: ignore[union-attr]  # an ended call has one


async def test_the_hop_of_a_shared_stream_is_a_span_of_the_call_that_opened_it_and_of_no_other(tmp_path: Path) -> None:
    async with doors(tmp_path) as gateway:
        gateway.model.stream = Hop().stream
        async with gateway.channel() as channel:
            await gateway.stream(request_of("qa-stream", "a"), request_of("qa-stream", "b"), channel=channel)
        await gateway.until(lambda: gateway.is_ended(2))

        assert sorted(len(spans) for spans in _spans(gateway)) == [1, 2]


async def _asked(gateway: Doors, way: str) -> None:
    if way.startswith("chat"):
        assert (await gateway.chat(stream=way == "chat streamed")).status_code == 200
    elif way == "grpc":
        await gateway.infer(request_of())
    else:
        async with gateway.channel() as channel:
            await gateway.stream(request_of("qa-stream", "a"), channel=channel)


def _spans(gateway: Doors) -> list[tuple[Span, ...]]:
    """The spans of each ended call."""
    events = [event for one in gateway.records() for _, _, event in events_of(one, text_chars_max=1_000)]
    return [event.spans for event in events if isinstance(event, SpansRecorded)]
