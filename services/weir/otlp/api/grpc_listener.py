"""The gRPC listener: TraceService/Export of OTLP, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from typing import Any

import grpc
import grpc.aio

from weir.access.grpc_calls import code_of, headers_of, read_message
from weir.access.refusals import Refusal
from weir.otlp.adapters.metrics import CRASHES
from weir.otlp.api.status import response_of, status_of
from weir.otlp.app.receiver import Receiver
from weir.otlp.core.export import Refusals, UnreadableExport, read_protobuf
from weir.runtime.rpc.library import listen, server_of
from weir.runtime.rpc.server import ServerOptions
from weir.runtime.telemetry.logs import logger

EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
"""Path of the one method."""

DETAILS = "grpc-status-details-bin"
"""Trailer that carries a google.rpc.Status."""

LISTENER = "grpc"

GRACE_S = 5.0
"""Seconds that requests may take once a stop was asked for. Chosen: below the supervisor's 20 s."""

UNLIMITED_CALLS = 256
"""RPCs at once beyond those that have slots: refusals on their way out. Arbitrary; any value from 64 to 1,024 would do."""


async def serve_grpc(receiver: Receiver, stop: asyncio.Event) -> None:
    """Serve until `stop` is set. Raises BadSetting when the port is taken or the TLS files cannot be used."""
    settings = receiver.settings
    calls_max = settings.requests_at_once_max + UNLIMITED_CALLS
    options = ServerOptions(
        http2=replace(settings.http2, streams_max=calls_max),
        message_bytes_max=settings.request_bytes_max,
        answer_bytes_max=settings.request_bytes_max,
        calls_max=calls_max,
        idle_s=settings.http2_idle_s,
    )
    server = server_of(settings.rpc, options)
    server.add_generic_rpc_handlers((Handlers(receiver),))
    address = f"{settings.grpc_host}:{settings.grpc_port}"
    listen(server, address, settings.listener_certificates(), "WEIR_OTLP_GRPC_PORT")
    await server.start()
    await stop.wait()
    await asyncio.sleep(settings.leave_s)
    await server.stop(GRACE_S)


class Handlers(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpc ships no types
    """Answers Export; metrics and logs are UNIMPLEMENTED."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    def service(self, handler_call_details: Any) -> Any:
        """The handler of a method; None for any other than Export."""
        if handler_call_details.method != EXPORT:
            return None
        return grpc.stream_stream_rpc_method_handler(self._export)

    async def _export(self, _: Any, context: Any) -> None:
        """Read, record, answer. The caller is known before its message is read."""
        try:
            with self._receiver.enter(headers_of(context).get("authorization", "")) as admitted:
                body = await read_message(context, self._receiver.settings.request_read_s)
                admitted.hold_bytes(len(body))
                refusals = Refusals()
                await self._receiver.take(admitted.caller, partial(read_protobuf, body), refusals)
                await context.write(response_of(refusals, LISTENER).SerializeToString())
                return
        except grpc.aio.InternalError:
            return  # the call is over: nobody waits for the answer
        except Refusal as refused:
            refusal = refused
        except UnreadableExport as error:
            refusal = Refusal("invalid_request", str(error))
        except Exception as error:  # noqa: BLE001  # the boundary: an error of ours is answered as one, and the reason is logged
            CRASHES.inc()
            logger().error("request_crashed", error=type(error).__name__, exc_info=error)
            refusal = Refusal("internal_error", "the receiver failed on this request; its log says why")
        details = status_of(refusal, LISTENER).SerializeToString()
        await context.abort(code_of(refusal.status_code), refusal.message, ((DETAILS, details),))
