"""The gRPC listener: the Open Inference Protocol as Triton speaks it, checked requests in and the same answers out.

Inference, metadata and readiness are forwarded; whatever governs the server (loading, shared memory, logging, tracing,
statistics, configuration) is answered UNIMPLEMENTED and never reaches Triton. Every handler knows and limits its caller
before it reads a message (`access/grpc_calls.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import grpc
import grpc.aio

from weir.access.grpc_calls import code_of, headers_of, is_loopback, read_message, refuse
from weir.access.refusals import MESSAGE_CHARS_MAX, Refusal, cut
from weir.gateway.adapters.metrics import CRASHES
from weir.gateway.adapters.upstream import status_of
from weir.gateway.api.oip.health import HEALTH, HEALTH_METHODS, Health
from weir.gateway.api.oip.messages import answer
from weir.gateway.api.oip.request import admit_request
from weir.gateway.api.oip.stream import StreamSession
from weir.gateway.calls.call_session import CallSession
from weir.gateway.calls.call_start import reply_headers_of, start_call
from weir.gateway.calls.gateway import Gateway
from weir.gateway.core.peek import NoMessage, peek_question
from weir.gateway.core.upstream_status import retry_after_ms
from weir.runtime.oip import CONTROL_METHODS, INFER, SERVICE, STREAM_INFER, UNARY_METHODS, trailer_of
from weir.runtime.rpc.library import listen, server_of
from weir.runtime.rpc.server import ServerOptions
from weir.runtime.telemetry.logs import logger

GRACE_S = 10.0
"""Seconds that calls may take once a stop was asked for. Chosen: with `leave_s` below the supervisor's 20 s."""

UNLIMITED_CALLS = 1_024
"""RPCs at once beyond those that have slots of their own: health checks, refusals on their way out. Arbitrary;
any value from 600 to 10,000 would do: each holds a few kilobytes for a moment."""


async def serve_oip(gateway: Gateway, stop: asyncio.Event, known: asyncio.Event) -> None:
    """Serve until `stop` is set; then say so, serve on for `leave_s`, and let calls in flight finish.

    known: set once names mean something; before, health tells clients of several gateways to ask another one.
    Raises BadSetting when the port is taken or the TLS files cannot be used.
    """
    settings = gateway.settings
    limited = settings.calls_at_once_max + settings.streams_at_once_max
    limited += settings.lookups_at_once_max + settings.health_watches_max
    options = ServerOptions(
        http2=replace(settings.http2, streams_max=limited),
        message_bytes_max=settings.message_bytes_max,
        answer_bytes_max=settings.message_bytes_max * 2,
        calls_max=limited + UNLIMITED_CALLS,
        idle_s=settings.http2_idle_s,
        open_methods=HEALTH_METHODS,
    )
    server = server_of(settings.rpc, options)
    health = Health(settings.health_watches_max, known)
    server.add_generic_rpc_handlers((Handlers(gateway, health),))
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    listen(server, address, settings.listener_certificates(), "WEIR_GATEWAY_GRPC_PORT")
    await server.start()
    await stop.wait()
    health.leave()
    await asyncio.sleep(settings.leave_s)  # calls still come and are served, until their clients saw that
    await server.stop(GRACE_S)


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Answers every RPC of Triton's service, most of them with a refusal, and those of health."""

    def __init__(self, gateway: Gateway, health: Health) -> None:
        self._gateway = gateway
        self._health = health
        self._served = {f"/{SERVICE}/{name}": _streaming(self._looker(name)) for name in CONTROL_METHODS}
        self._served[f"/{SERVICE}/{INFER}"] = _streaming(self._infer)
        self._served[f"/{SERVICE}/{STREAM_INFER}"] = _streaming(self._stream)

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method; None for a service that is neither Triton's nor health."""
        served = self._served.get(handler_call_details.method)
        if served is not None:
            return served
        _, _, path = handler_call_details.method.partition("/")
        service, _, method = path.partition("/")
        if service == HEALTH:
            return self._health.handler(method)
        if service != SERVICE:
            return None
        return grpc.stream_unary_rpc_method_handler(_unimplemented(method))

    def _looker(self, method: str) -> Any:
        async def look(_: Any, context: Any) -> None:
            """Liveness, readiness and metadata: forwarded for a known caller, not recorded."""
            try:
                caller = self._gateway.caller(
                    headers_of(context).get("authorization", ""), is_loopback=is_loopback(context)
                )
                caller.demand("models")
                with self._gateway.turnstile.enter_lookup(caller):
                    wire = await read_message(context, self._gateway.settings.request_read_s)
                    question = peek_question(method, wire)
                    if method.startswith("Model"):
                        self._gateway.catalog.resolve(question.model_name, caller)
                    response = await self._gateway.upstream.unary(
                        method, question.wire, timeout_s=self._timeout_s(context)
                    )
                    await answer(context, bytes(response), self._gateway.settings.write_timeout_s)
            except Refusal as refusal:
                await refuse(context, refusal)
            except NoMessage as error:
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
            except grpc.aio.AioRpcError as error:
                await _tell(context, error)

        return look

    async def _infer(self, _: Any, context: Any) -> None:
        headers, remaining = headers_of(context), context.time_remaining()
        deadline_ms = None if remaining is None else int(remaining * 1_000)
        session = CallSession(self._gateway, start_call(headers, "oip-grpc", "text_completion", "", deadline_ms))
        try:
            with session:
                session.hold_answer()
                session.enter(headers.get("authorization", ""), is_loopback=is_loopback(context))
                wire = await read_message(context, self._gateway.settings.request_read_s)
                session.receive(len(wire))
                wire = admit_request(session, self._gateway, wire, headers).wire
                response = await self._forward(session, wire, context)
                await answer(context, response, self._gateway.settings.write_timeout_s)
        except Refusal as refusal:
            if not session.has_sent_headers:
                await context.send_initial_metadata(tuple(reply_headers_of(session.call)))
            await refuse(context, refusal)
        except grpc.aio.AioRpcError as error:
            await _tell(context, error)

    async def _forward(self, session: CallSession, wire: bytes, context: Any) -> bytes:
        await context.send_initial_metadata(tuple(reply_headers_of(session.call)))
        session.has_sent_headers = True
        response, timing = await session.ask(wire, self._timeout_s(context))
        await session.end_well(timing)
        return response

    async def _stream(self, _: Any, context: Any) -> None:
        headers = headers_of(context)
        try:
            caller = self._gateway.caller(headers.get("authorization", ""), is_loopback=is_loopback(context))
            caller.demand("infer")
            with self._gateway.turnstile.enter_stream(caller):
                ended = await StreamSession(self._gateway, headers, context).run()
        except Refusal as refusal:
            await refuse(context, refusal)
        except Exception as error:  # noqa: BLE001  # the boundary: an error of ours is answered as one, and the reason is logged
            CRASHES.inc()
            logger().error("stream_crashed", error=type(error).__name__, exc_info=error)
            await refuse(context, Refusal("internal_error", "the gateway failed on this stream; its log says why"))
        if ended.code is not grpc.StatusCode.OK:
            await context.abort(ended.code, cut(ended.details, MESSAGE_CHARS_MAX))

    def _timeout_s(self, context: Any) -> float:
        remaining = context.time_remaining()
        return (
            self._gateway.settings.timeout_s
            if remaining is None
            else min(float(remaining), self._gateway.settings.timeout_s)
        )


def _streaming(behaviour: Any) -> Any:
    """The handler of a behaviour that reads and writes its messages itself."""
    return grpc.stream_stream_rpc_method_handler(behaviour)


def _unimplemented(method: str) -> Any:
    async def abort(_: AsyncIterator[bytes], context: Any) -> None:
        served = ", ".join((*UNARY_METHODS, STREAM_INFER))
        text = f"{cut(method)} governs the model server and is not served here; served: {served}"
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)

    return abort


async def _tell(context: Any, error: grpc.aio.AioRpcError) -> None:
    """End the call as the model server did, and with the one trailer of it that a client has a use for."""
    status = status_of(error)
    asked_ms = retry_after_ms(trailer_of(error.trailing_metadata(), "retry-after-ms"))
    trailing = () if asked_ms is None else (("retry-after-ms", str(asked_ms)),)
    await context.abort(code_of(status.code), status.client_details, trailing)
