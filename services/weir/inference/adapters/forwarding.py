"""Forwarding calls to Triton: bytes in, the same bytes out, with the same status.

Nothing is decoded and nothing is queued. A call that Triton ended badly ends here with Triton's status and message;
only where Triton could not be reached at all is the text ours, because gRPC's own names no remedy.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, NoReturn

import grpc
import grpc.aio

from weir.inference.adapters.call_context import MS_PER_S, CallContext, Metadata, begin, forwarded
from weir.inference.adapters.metrics import CALL_SECONDS, CALLS, IN_FLIGHT, REFUSED
from weir.inference.core.gate import Gate
from weir.runtime.clock import monotonic_s, now_us
from weir.runtime.oip import INFER, STREAM_INFER, UNARY_METHODS, OipClient

METHODS = (*UNARY_METHODS, STREAM_INFER)

SECONDS_OF = {method: CALL_SECONDS.labels(method) for method in METHODS}
OK_OF = {method: CALLS.labels(method, "OK") for method in METHODS}
"""Series that every call counts in, looked up once."""

RETRY_AFTER = "retry-after-ms"
"""Trailing metadata of a refusal: the pause before another try, milliseconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a forwarded call."""

    deadline_ms: int
    """Deadline of a unary call whose client set none."""
    stream_deadline_ms: int
    """Deadline of a stream whose client set none."""
    retry_after_ms: int
    """Pause that a refused client is asked to make."""


class Forwarder:
    """Forwards calls to one upstream, with a gate each for inferences, for streams, and for questions about the server.

    Streams are counted apart, because one may be open long after what was asked on it is answered.
    """

    def __init__(
        self, upstream: OipClient, infer_gate: Gate, stream_gate: Gate, control_gate: Gate, limits: Limits
    ) -> None:
        self._upstream = upstream
        self._infer_gate = infer_gate
        self._stream_gate = stream_gate
        self._control_gate = control_gate
        self._limits = limits

    async def infer(self, request: bytes, context: Any) -> bytes:
        """ModelInfer. Aborts with RESOURCE_EXHAUSTED when as many calls as allowed are in flight."""
        if not self._infer_gate.enter():
            await self._refuse(INFER, self._infer_gate, context)
        IN_FLIGHT.inc()
        try:
            return await self._unary(INFER, request, context)
        finally:
            IN_FLIGHT.dec()
            self._infer_gate.leave()

    async def control(self, method: str, request: bytes, context: Any) -> bytes:
        """One of CONTROL_METHODS, behind a gate of its own so that readiness answers under load."""
        if not self._control_gate.enter():
            await self._refuse(method, self._control_gate, context)
        try:
            return await self._unary(method, request, context)
        finally:
            self._control_gate.leave()

    async def stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        """ModelStreamInfer: both directions at once. Aborts with RESOURCE_EXHAUSTED when as many as allowed are open."""
        if not self._stream_gate.enter():
            await self._refuse(STREAM_INFER, self._stream_gate, context)
        IN_FLIGHT.inc()
        try:
            await self._stream(requests, context)
        finally:
            IN_FLIGHT.dec()
            self._stream_gate.leave()

    async def _unary(self, method: str, request: bytes, context: Any) -> bytes:
        call = begin(method, context, self._limits.deadline_ms)
        started_s = monotonic_s()
        upstream = self._upstream.unary(method, request, timeout_s=call.timeout_s, metadata=call.metadata)
        try:
            reply: bytes = await upstream
        except grpc.aio.AioRpcError as error:
            await self._abort(call, error, context)
        finally:
            SECONDS_OF[method].observe(monotonic_s() - started_s)
        OK_OF[method].inc()
        context.set_trailing_metadata((*_pairs(await upstream.trailing_metadata()), call.trailer(now_us())))
        return reply

    async def _stream(self, requests: AsyncIterator[bytes], context: Any) -> None:
        call = begin(STREAM_INFER, context, self._limits.stream_deadline_ms)
        started_s = monotonic_s()
        upstream = self._upstream.stream(requests, timeout_s=call.timeout_s, metadata=call.metadata)
        try:
            async for response in upstream:
                await context.write(response)
        except grpc.aio.AioRpcError as error:
            await self._abort(call, error, context)
        finally:
            upstream.cancel()
            SECONDS_OF[STREAM_INFER].observe(monotonic_s() - started_s)
        OK_OF[STREAM_INFER].inc()
        context.set_trailing_metadata((*_pairs(await upstream.trailing_metadata()), call.trailer(now_us())))

    async def _abort(self, call: CallContext, error: grpc.aio.AioRpcError, context: Any) -> NoReturn:
        CALLS.labels(call.method, error.code().name).inc()
        trailing = (*_pairs(error.trailing_metadata()), call.trailer(now_us()))
        await context.abort(error.code(), self._details(call, error), trailing)
        raise AssertionError("abort() always raises")

    def _details(self, call: CallContext, error: grpc.aio.AioRpcError) -> str:
        details = error.details() or ""
        if error.code() == grpc.StatusCode.UNAVAILABLE and not self._upstream.is_connected():
            return (
                f"the model server {self._upstream.address} cannot be reached ({details}); "
                "it is tried again every second, so retry, and look at Triton's log if this lasts"
            )
        if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED and call.is_default_timeout:
            ms = round(call.timeout_s * MS_PER_S)
            return f"no answer within {ms} ms, the deadline of calls that set none; set a deadline ({details})"
        return details

    async def _refuse(self, method: str, gate: Gate, context: Any) -> NoReturn:
        REFUSED.labels(method).inc()
        CALLS.labels(method, "RESOURCE_EXHAUSTED").inc()
        ms = self._limits.retry_after_ms
        details = f"{gate.limit} {method} calls are in flight, the limit; nothing was queued; retry after {ms} ms"
        await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, details, ((RETRY_AFTER, str(ms)),))
        raise AssertionError("abort() always raises")


def _pairs(metadata: Any) -> Metadata:
    return forwarded((key, value) for key, value in metadata or ())
