"""Forwarding: what a stock Triton client sees through the service is what it sees without it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import InferInput, service_pb2
from tritonclient.grpc.aio import InferenceServerClient
from tritonclient.utils import InferenceServerException

from harness.waiting import PATIENCE_S
from unit.inference import scripted_triton
from unit.inference.conftest import Fronted
from unit.inference.scripted_triton import ScriptedTriton
from weir.inference.adapters.call_context import forwarded
from weir.inference.api.server import READY_REPLY
from weir.runtime.oip import INFER, SERVICE, STREAM_INFER

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def infer_bytes(payload: bytes = b"\x00\x01payload\xff", call_id: str = "1") -> bytes:
    request = service_pb2.ModelInferRequest(model_name="any", id=call_id, raw_input_contents=[payload])
    return bytes(request.SerializeToString())


def raw_unary(channel: Any, method: str = INFER) -> Any:
    return channel.unary_unary(f"/{SERVICE}/{method}")


async def wait_for_health(channel: Any, status: int) -> None:
    """Wait until the health service reports `status` for the forwarded service."""

    async def watch() -> None:
        call = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service=SERVICE))
        async for answer in call:
            if answer.status == status:
                return

    await asyncio.wait_for(watch(), PATIENCE_S)


@pytest.mark.capability("U1")
async def test_unary_bytes_are_those_of_a_direct_call(fronted: Fronted) -> None:
    front = await fronted()
    request = infer_bytes(bytes(range(256)) * 100)

    async with (
        grpc.aio.insecure_channel(f"127.0.0.1:{front.triton_port}") as direct,
        grpc.aio.insecure_channel(front.address) as through,
    ):
        assert await raw_unary(through)(request) == await raw_unary(direct)(request)


@pytest.mark.capability("U1")
async def test_streamed_bytes_are_those_of_a_direct_call(fronted: Fronted) -> None:
    front = await fronted()

    async def received(address: str) -> list[bytes]:
        async with grpc.aio.insecure_channel(address) as channel:
            requests = [infer_bytes(call_id="a"), infer_bytes(call_id="b")]
            return [reply async for reply in channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}")(iter(requests))]

    through = await received(front.address)

    assert through == await received(f"127.0.0.1:{front.triton_port}")
    assert len(through) == 6


@pytest.mark.capability("U1")
async def test_a_stock_client_infers_and_streams(fronted: Fronted) -> None:
    front = await fronted()
    values = InferInput("text", [2, 1], "BYTES")
    values.set_data_from_numpy(np.array([[b"banana"], [b"x"]], dtype=np.object_))

    async def requests() -> AsyncIterator[dict[str, Any]]:
        yield {"model_name": "any", "inputs": [values], "request_id": "s"}

    async with InferenceServerClient(front.address) as client:
        assert await client.is_server_ready()
        answer = await client.infer("minilm", [values])
        streamed = [reply.get_response().id async for reply, error in client.stream_infer(requests()) if error is None]

    assert answer.as_numpy("embedding").tolist() == [[7.0, 3.0, 1.0, 0.0], [2.0, 0.0, 1.0, 0.0]]
    assert streamed == ["s-0", "s-1", "s-2"]


async def test_an_upstream_error_keeps_its_status_and_message(fronted: Fronted) -> None:
    front = await fronted(triton=ScriptedTriton(fail_with=(grpc.StatusCode.NOT_FOUND, "unknown model 'x'")))

    async with InferenceServerClient(front.address) as client:
        with pytest.raises(InferenceServerException) as raised:
            await client.infer("x", [])

    assert raised.value.status() == "StatusCode.NOT_FOUND"
    assert raised.value.message() == "unknown model 'x'"


async def test_a_stream_that_fails_midway_keeps_what_came_before(fronted: Fronted) -> None:
    front = await fronted(triton=ScriptedTriton(fail_with=(grpc.StatusCode.INTERNAL, "broke")))
    received = []

    async with grpc.aio.insecure_channel(front.address) as channel:
        call = channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}")(iter([infer_bytes()]))

        async def read() -> None:
            async for reply in call:
                received.append(reply)

        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await read()

    assert len(received) == 3
    assert (raised.value.code(), raised.value.details()) == (grpc.StatusCode.INTERNAL, "broke")


async def test_methods_that_are_not_forwarded_are_unimplemented(fronted: Fronted) -> None:
    front = await fronted()

    async with InferenceServerClient(front.address) as client:
        with pytest.raises(InferenceServerException, match="UNIMPLEMENTED"):
            await client.unload_model("any")


async def test_the_clients_deadline_goes_upstream(fronted: Fronted) -> None:
    front = await fronted()

    async with grpc.aio.insecure_channel(front.address) as channel:
        await raw_unary(channel)(infer_bytes(), timeout=60.0)

    remaining_s = front.triton.remaining_s[0]
    assert remaining_s is not None
    assert 50.0 < remaining_s < 61.0  # gRPC rounds a timeout up to three digits


async def test_a_client_without_a_deadline_gets_the_default_one(fronted: Fronted) -> None:
    front = await fronted(deadline_ms=1_000, triton=ScriptedTriton(hold=asyncio.Event()))

    async with grpc.aio.insecure_channel(front.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await raw_unary(channel)(infer_bytes())

    assert raised.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "no answer within 1000 ms" in (raised.value.details() or "")
    await asyncio.wait_for(front.triton.cancelled.wait(), PATIENCE_S)


@pytest.mark.parametrize("method", [INFER, STREAM_INFER])
async def test_a_cancelled_call_is_cancelled_upstream_and_frees_its_place(fronted: Fronted, method: str) -> None:
    hold = asyncio.Event()
    front = await fronted(calls_max=1, triton=ScriptedTriton(hold=hold))

    async with grpc.aio.insecure_channel(front.address) as channel:
        stream = channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}")
        call = raw_unary(channel)(infer_bytes()) if method == INFER else stream(iter([infer_bytes()]))
        await asyncio.wait_for(front.triton.entered.acquire(), PATIENCE_S)
        call.cancel()
        await asyncio.wait_for(front.triton.cancelled.wait(), PATIENCE_S)
        hold.set()

        assert await raw_unary(channel)(infer_bytes())
        assert [reply async for reply in stream(iter([infer_bytes()]))]


async def test_open_streams_keep_no_call_out_and_one_too_many_is_refused(fronted: Fronted) -> None:
    front = await fronted(calls_max=2)

    async with grpc.aio.insecure_channel(front.address) as channel:
        stream = channel.stream_stream(f"/{SERVICE}/{STREAM_INFER}")
        idle = [stream() for _ in range(2)]
        for one in idle:
            await one.write(infer_bytes())
            await one.read()
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await stream(iter([infer_bytes()])).read()

        assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await raw_unary(channel)(infer_bytes())
        for one in idle:
            one.cancel()


async def test_one_call_too_many_is_refused_at_once_and_says_when_to_come_back(fronted: Fronted) -> None:
    hold = asyncio.Event()
    front = await fronted(calls_max=2, triton=ScriptedTriton(hold=hold))

    async with grpc.aio.insecure_channel(front.address) as channel:
        inside = [asyncio.ensure_future(raw_unary(channel)(infer_bytes())) for _ in range(2)]
        for _ in inside:
            await asyncio.wait_for(front.triton.entered.acquire(), PATIENCE_S)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await raw_unary(channel)(infer_bytes())
        ready = await raw_unary(channel, "ServerReady")(b"")
        hold.set()
        await asyncio.gather(*inside)
        assert await raw_unary(channel)(infer_bytes())

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert ("retry-after-ms", "250") in tuple(raised.value.trailing_metadata() or ())
    assert ready == READY_REPLY


async def test_triton_down_is_said_clearly_and_its_return_needs_no_restart(fronted: Fronted) -> None:
    front = await fronted()
    async with grpc.aio.insecure_channel(front.address) as channel:
        await raw_unary(channel)(infer_bytes())
        await front.triton_server.stop(None)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await raw_unary(channel)(infer_bytes())
        await wait_for_health(channel, health_pb2.HealthCheckResponse.NOT_SERVING)
        front.triton_server, _ = await scripted_triton.serve(front.triton, front.triton_port)
        await wait_for_health(channel, health_pb2.HealthCheckResponse.SERVING)

        assert await raw_unary(channel)(infer_bytes())

    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
    assert f"the model server 127.0.0.1:{front.triton_port} cannot be reached" in (raised.value.details() or "")


@pytest.mark.capability("O14")
async def test_the_trace_goes_on_as_a_child_and_the_spans_come_back(fronted: Fronted) -> None:
    front = await fronted()

    async with grpc.aio.insecure_channel(front.address) as channel:
        call = raw_unary(channel)(infer_bytes(), metadata=(("traceparent", TRACEPARENT), ("x-note", "kept")))
        await call
        timing = json.loads(dict(await call.trailing_metadata())["weir-server-timing"])

    own, triton = timing
    upstream = front.triton.metadata[-1]
    assert own["parent_span_id"] == TRACEPARENT.split("-")[2]
    assert (triton["name"], triton["parent_span_id"]) == ("triton ModelInfer", own["span_id"])
    assert upstream["traceparent"] == f"00-{TRACEPARENT.split('-')[1]}-{triton['span_id']}-01"
    assert own["start_us"] <= triton["start_us"] <= triton["end_us"] <= own["end_us"]
    assert upstream["x-note"] == "kept"


async def test_credentials_stay_here(fronted: Fronted) -> None:
    front = await fronted()

    async with grpc.aio.insecure_channel(front.address) as channel:
        await raw_unary(channel)(infer_bytes(), metadata=(("authorization", "Bearer weir_x"),))

    assert "authorization" not in front.triton.metadata[-1]


@given(st.lists(st.tuples(st.sampled_from(["x-a", "authorization", "grpc-timeout", "weir-session"]), st.text())))
def test_forwarding_metadata_twice_is_forwarding_it_once(metadata: list[tuple[str, str]]) -> None:
    once = forwarded(metadata)

    assert forwarded(once) == once


async def test_health_follows_the_model_server(fronted: Fronted) -> None:
    front = await fronted()

    async with grpc.aio.insecure_channel(front.address) as channel:
        await wait_for_health(channel, health_pb2.HealthCheckResponse.SERVING)
        overall = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())

    assert overall.status == health_pb2.HealthCheckResponse.SERVING
    assert front.server.readiness() == {}


async def test_a_message_over_the_limit_is_refused(fronted: Fronted) -> None:
    front = await fronted()

    async with grpc.aio.insecure_channel(front.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await raw_unary(channel)(infer_bytes(b"x" * 1_100_000))

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_a_taken_port_is_an_error_that_names_it(fronted: Fronted) -> None:
    front = await fronted()
    other = await fronted()

    with pytest.raises(OSError, match=str(front.server.port)):
        await other.server.start("127.0.0.1", front.server.port)
