"""A scripted Triton, and the inference server in front of it, on free ports in the test's own loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio
import pytest

from unit.inference import scripted_triton
from unit.inference.scripted_triton import ScriptedTriton
from weir.inference.adapters.channel_options import channel_options
from weir.inference.adapters.forwarding import Forwarder, Limits
from weir.inference.api.server import InferenceServer
from weir.inference.core.gate import Gate
from weir.inference.settings import InferenceSettings
from weir.runtime.oip import OipClient
from weir.runtime.rpc.library import Library

MESSAGE_BYTES_MAX = 1_048_576


@dataclass
class Front:
    """The server under test and what it stands before."""

    address: str
    server: InferenceServer
    triton: ScriptedTriton
    triton_server: grpc.aio.Server
    triton_port: int


Fronted = Callable[..., Awaitable[Front]]


@pytest.fixture(params=["fast", "reference"])
def library(request: pytest.FixtureRequest) -> Library:
    """The library that speaks gRPC."""
    return request.param  # type: ignore[no-any-return]  # a parameter has no type


@pytest.fixture
async def fronted(library: Library) -> AsyncIterator[Fronted]:
    """Starts a front: `await fronted(calls_max=2, deadline_ms=100, triton=ScriptedTriton(...))`."""
    closing: list[tuple[asyncio.Event, asyncio.Task[None], Any]] = []

    async def start(calls_max: int = 8, deadline_ms: int = 60_000, triton: ScriptedTriton | None = None) -> Front:
        scripted = triton or ScriptedTriton()
        triton_server, port = await scripted_triton.serve(scripted)
        upstream = OipClient(f"127.0.0.1:{port}", channel_options(MESSAGE_BYTES_MAX), library)
        limits = Limits(deadline_ms=deadline_ms, stream_deadline_ms=deadline_ms, retry_after_ms=250)
        forwarder = Forwarder(upstream, Gate(calls_max), Gate(calls_max), Gate(8), limits)
        settings = InferenceSettings(grpc_message_bytes_max=MESSAGE_BYTES_MAX, rpc=library)
        server = InferenceServer(forwarder, upstream, settings)
        await server.start("127.0.0.1", 0)
        stop = asyncio.Event()
        front = Front(f"127.0.0.1:{server.port}", server, scripted, triton_server, port)
        closing.append((stop, asyncio.create_task(server.run(stop)), front))
        return front

    yield start
    for stop, running, front in closing:
        stop.set()
        await running
        await front.triton_server.stop(None)
