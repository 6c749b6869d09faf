"""The gRPC door: the Open Inference Protocol as Triton speaks it, checked requests in and the same answers out.

Inference, metadata and readiness are forwarded; whatever governs the server (loading, shared memory, logging, tracing,
statistics, configuration) is answered UNIMPLEMENTED and never reaches Triton.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio

from weir.gateway.adapters.upstream import SERVICE, UNARY_METHODS, Upstream
from weir.gateway.admission import Refused, admit
from weir.gateway.app import Desk
from weir.gateway.call_start import joined, trace_headers_of
from weir.gateway.core.call import Call, CallEnd, Outcome
from weir.gateway.core.errors import Refusal, error_type_of
from weir.gateway.core.peek import NoMessage, peek_question
from weir.gateway.oip_stream import StreamSession
from weir.gateway.settings import GatewaySettings
from weir.runtime.clock import now_us
from weir.runtime.errors import BadSetting

HEADER_BYTES_MAX = 16_384
"""Metadata of a call at most. Chosen: twice gRPC's default, for long trace states."""

GRACE_S = 10.0
"""Seconds that calls may take once a stop was asked for. Chosen: with `leave_s` below the supervisor's 20 s."""

LOOPBACK = ("ipv4:127.", "ipv6:[::1]", "ipv6:%5B::1%5D", "unix:")
"""How gRPC names a peer on this machine."""


async def serve_oip(settings: GatewaySettings, desk: Desk, upstream: Upstream, stop: asyncio.Event) -> None:
    """Serve until `stop` is set; then say so, serve on for `leave_s`, and let calls in hand finish.

    Raises BadSetting when the port is taken.
    """
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", settings.message_bytes_max),
            ("grpc.max_send_message_length", settings.message_bytes_max * 2),
            ("grpc.max_metadata_size", HEADER_BYTES_MAX),
            ("grpc.max_concurrent_streams", settings.calls_at_once_max * 2),
            ("grpc.so_reuseport", 0),
        ],
        maximum_concurrent_rpcs=settings.calls_at_once_max * 2,
    )
    health = health_aio.HealthServicer()
    await health.set("", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    server.add_generic_rpc_handlers((Door(desk, upstream),))
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    try:
        server.add_insecure_port(address)
    except RuntimeError as error:
        raise BadSetting(f"WEIR_GATEWAY_GRPC_PORT: cannot listen on {address}; is the port taken? ({error})") from error
    await server.start()
    await stop.wait()
    await health.enter_graceful_shutdown()
    await asyncio.sleep(settings.leave_s)  # calls still come and are served, until their clients saw that
    await server.stop(GRACE_S)


class Door(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Answers every RPC of Triton's service, most of them with a refusal."""

    def __init__(self, desk: Desk, upstream: Upstream) -> None:
        self._desk = desk
        self._upstream = upstream

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method; None for a service that is not Triton's."""
        _, _, path = handler_call_details.method.partition("/")
        service, _, method = path.partition("/")
        if service != SERVICE:
            return None
        if method == "ModelStreamInfer":
            return grpc.stream_stream_rpc_method_handler(self._stream)
        if method == "ModelInfer":
            return grpc.unary_unary_rpc_method_handler(self._infer)
        if method in UNARY_METHODS:
            return grpc.unary_unary_rpc_method_handler(self._looker(method))
        return grpc.unary_unary_rpc_method_handler(_unimplemented(method))

    def _looker(self, method: str) -> Any:
        async def look(wire: bytes, context: Any) -> bytes:
            """Liveness, readiness and metadata: forwarded for a known caller, not recorded."""
            try:
                caller = self._desk.caller(
                    _headers(context).get("authorization", ""), is_loopback=_is_loopback(context)
                )
                caller.demand("models")
                question = peek_question(method, wire)
                if method.startswith("Model"):
                    caller.demand_route(self._desk.catalog.resolve(question.model_name).route)
            except Refusal as refusal:
                await _refuse(context, refusal)
            except NoMessage as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            call = self._upstream.unary(method, question.wire, timeout_s=self._timeout_s(context), metadata=())
            try:
                return bytes(await call)
            except grpc.aio.AioRpcError as error:
                await context.abort(error.code(), error.details() or "")
                raise

        return look

    async def _infer(self, wire: bytes, context: Any) -> bytes:
        headers, timeout_s = _headers(context), self._timeout_s(context)
        remaining = context.time_remaining()
        deadline_ms = None if remaining is None else int(remaining * 1_000)
        try:
            with self._desk.in_hand():
                admitted = admit(
                    self._desk, wire, headers, "oip-grpc", is_loopback=_is_loopback(context), deadline_ms=deadline_ms
                )
                return await self._forwarded(admitted.call, admitted.wire, timeout_s, context)
        except Refused as refused:
            await context.send_initial_metadata(_told(refused.call))
            await _refuse(context, refused.refusal)
        except Refusal as refusal:
            await _refuse(context, refusal)
        raise AssertionError("abort raises")

    async def _forwarded(self, call: Call, wire: bytes, timeout_s: float, context: Any) -> bytes:
        await context.send_initial_metadata(_told(call))
        under_way = self._upstream.unary("ModelInfer", wire, timeout_s=timeout_s, metadata=trace_headers_of(call))
        try:
            response = bytes(await under_way)
        except grpc.aio.AioRpcError as error:
            self._desk.completed(call, _failed(error), wire, ())
            await context.abort(error.code(), error.details() or "", _passed_on(error.trailing_metadata() or ()))
        except asyncio.CancelledError:
            self._desk.completed(call, _end("cancelled", 1, "the client went away"), wire, ())
            raise
        timing = _header(await under_way.trailing_metadata(), "weir-server-timing")
        self._desk.completed(call, _end("ok", 0, "", timing), wire, (response,))
        await self._desk.settled()
        return response

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
        headers, is_loopback = _headers(context), _is_loopback(context)
        try:
            self._desk.caller(headers.get("authorization", ""), is_loopback=is_loopback).demand("infer")
            with self._desk.in_hand():
                session = StreamSession(self._desk, self._upstream, headers, is_loopback=is_loopback)
                async for message in session.run(requests, context, context.time_remaining()):
                    yield message
        except Refusal as refusal:
            await _refuse(context, refusal)

    def _timeout_s(self, context: Any) -> float:
        remaining = context.time_remaining()
        return (
            self._desk.settings.timeout_s if remaining is None else min(float(remaining), self._desk.settings.timeout_s)
        )


def _unimplemented(method: str) -> Any:
    async def answer(_: bytes, context: Any) -> None:
        served = ", ".join((*UNARY_METHODS, "ModelStreamInfer"))
        text = f"{method} governs the model server and is not served here; served: {served}"
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

    return answer


async def _refuse(context: Any, refusal: Refusal) -> None:
    code = next(code for code in grpc.StatusCode if code.value[0] == refusal.status_code)
    after = refusal.retry_after_s
    trailing = () if after is None else (("retry-after-ms", str(int(after * 1_000))),)
    await context.abort(code, refusal.message, trailing)


def _failed(error: Any) -> CallEnd:
    number = int(error.code().value[0])
    outcome: Outcome = "refused" if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED else "failed"
    return _end(outcome, number, error.details() or "", _header(error.trailing_metadata() or (), "weir-server-timing"))


def _end(outcome: Outcome, status_code: int, message: str, timing: str = "") -> CallEnd:
    return CallEnd(
        end_time_us=now_us(),
        outcome=outcome,
        status_code=status_code,
        error_type=error_type_of(status_code),
        error_message=message,
        server_timing_json=timing,
    )


def _told(call: Call) -> tuple[tuple[str, str], ...]:
    return (("weir-request-id", call.request_id), *trace_headers_of(call))


def _headers(context: Any) -> Mapping[str, str]:
    return joined((key, value) for key, value in context.invocation_metadata() or () if isinstance(value, str))


def _header(metadata: Any, name: str) -> str:
    return next((str(value) for key, value in metadata if key == name), "")


def _passed_on(metadata: Any) -> tuple[tuple[str, str], ...]:
    """Trailing metadata of upstream that a client has a use for; gRPC refuses to send its own reserved names on."""
    return tuple((str(key), str(value)) for key, value in metadata if key == "retry-after-ms")


def _is_loopback(context: Any) -> bool:
    return bool(context.peer().startswith(LOOPBACK))
