"""The gRPC server: the forwarded methods of the Open Inference Protocol, and health. All else is UNIMPLEMENTED."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from weir.inference.adapters.forwarding import Forwarder
from weir.inference.adapters.metrics import TRITON_READY
from weir.inference.settings import InferenceSettings
from weir.runtime.oip import CONTROL_METHODS, INFER, SERVICE, STREAM_INFER, OipClient
from weir.runtime.rpc.library import bind, server_of
from weir.runtime.rpc.server import ServerOptions
from weir.runtime.telemetry.logs import logger
from weir.runtime.tls.certificates import Certificates
from weir.runtime.waits import wait_or_stop

GRACE_S = 5.0
"""Seconds that calls in flight may take once the server was asked to stop. Chosen: below the supervisor's 20 s."""

WATCH_S = 1.0
"""Seconds between questions to Triton whether it is ready. Arbitrary: any value from 0.2 to 5 would do; readiness is that old."""

CALLS_MAX = 4_096
"""Calls and streams at once, whatever they ask: the gates of each kind refuse before. Arbitrary; any value above the gates'
sum would do."""

READY_REPLY = b"\x08\x01"
"""ServerReadyResponse with its only field, `ready` (number 1), true."""


class InferenceServer:
    """The gRPC server of one process, and what it knows of Triton's health."""

    def __init__(self, forwarder: Forwarder, upstream: OipClient, settings: InferenceSettings) -> None:
        self._upstream = upstream
        self._health = health.aio.HealthServicer()
        options = ServerOptions(
            http2=settings.http2,
            message_bytes_max=settings.grpc_message_bytes_max,
            answer_bytes_max=settings.grpc_message_bytes_max,
            calls_max=CALLS_MAX,
            idle_s=settings.http2_idle_s,
        )
        self._server = server_of(settings.rpc, options)
        self._server.add_generic_rpc_handlers((_handlers(forwarder),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        self.is_triton_ready = False
        self.port = 0

    async def start(self, host: str, port: int, certificates: Certificates | None = None) -> None:
        """Listen on host:port; `self.port` is the port bound. Raises OSError when it cannot be bound."""
        try:
            self.port = bind(self._server, f"{host}:{port}", certificates)
        except RuntimeError as error:
            raise OSError(f"cannot listen on {host}:{port}; is another process using the port? ({error})") from error
        await self._server.start()
        logger().info("serving", protocol="grpc", address=f"{host}:{self.port}", upstream=self._upstream.address)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, watching Triton's readiness; then let calls in flight end."""
        try:
            while not stop.is_set():
                await self._watch()
                await wait_or_stop(stop, WATCH_S)
        finally:
            await self._health.enter_graceful_shutdown()
            await self._server.stop(GRACE_S)
            await self._upstream.close()

    def readiness(self) -> dict[str, str]:
        """What is not ready, for /readyz."""
        return {} if self.is_triton_ready else {"triton": f"the model server {self._upstream.address} is not ready"}

    async def _watch(self) -> None:
        try:
            is_ready = await self._upstream.unary("ServerReady", b"", timeout_s=WATCH_S) == READY_REPLY
        except grpc.aio.AioRpcError as error:
            logger().debug("triton_not_ready", code=error.code().name, details=error.details())
            is_ready = False
        if is_ready != self.is_triton_ready:
            logger().info("triton_readiness_changed", ready=is_ready, address=self._upstream.address)
        self.is_triton_ready = is_ready
        TRITON_READY.set(is_ready)
        status = health_pb2.HealthCheckResponse
        await self._health.set(SERVICE, status.SERVING if is_ready else status.NOT_SERVING)


def _handlers(forwarder: Forwarder) -> Any:
    handlers = {name: _unary(partial(forwarder.control, name)) for name in CONTROL_METHODS}
    handlers[INFER] = _unary(forwarder.infer)
    handlers[STREAM_INFER] = grpc.stream_stream_rpc_method_handler(forwarder.stream)
    return grpc.method_handlers_generic_handler(SERVICE, handlers)


def _unary(behaviour: Callable[[bytes, Any], Awaitable[bytes]]) -> Any:
    async def handle(request: bytes, context: Any) -> bytes:
        return await behaviour(request, context)

    return grpc.unary_unary_rpc_method_handler(handle)
