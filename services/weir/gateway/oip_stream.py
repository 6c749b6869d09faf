"""One ModelStreamInfer call through the gateway: many requests, many responses, each request its own recorded call.

Responses are matched to requests by id, and in order where ids are empty. A request is over when its response says
`triton_final_response`, else when the stream ends. Messages pass through unchanged.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2

from weir.gateway.adapters.upstream import Upstream
from weir.gateway.admission import Admitted, Refused, admit
from weir.gateway.app import Desk
from weir.gateway.call_start import trace_of
from weir.gateway.core.call import Call, CallEnd, Outcome
from weir.gateway.core.errors import Refusal, error_type_of
from weir.gateway.core.peek import NoMessage, PeekedStreamResponse, peek_stream_response
from weir.runtime.clock import now_us
from weir.runtime.identity import new_span_id

OUTGOING_MAX = 64
"""Messages that wait for a slow client; then upstream waits too. Chosen."""


@dataclass(slots=True)
class OpenCall:
    """A request of the stream that is not answered in full."""

    call: Call
    wire: bytes
    responses: list[bytes] = field(default_factory=list)
    first_token_time_us: int | None = None
    error_message: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the upstream stream ended."""

    code: grpc.StatusCode
    details: str


class StreamSession:
    """State of one stream while it lasts."""

    def __init__(self, desk: Desk, upstream: Upstream, headers: Mapping[str, str], *, is_loopback: bool) -> None:
        self._desk = desk
        self._upstream = upstream
        self._headers = headers
        self._is_loopback = is_loopback
        self._open: dict[int, OpenCall] = {}
        self._next = 0
        self._outgoing: asyncio.Queue[bytes | Ended] = asyncio.Queue(OUTGOING_MAX)

    async def run(self, requests: AsyncIterator[bytes], context: Any, timeout_s: float | None) -> AsyncIterator[bytes]:
        """Pass messages both ways until the stream ends. Raises by `context.abort` when upstream failed."""
        metadata = trace_of(self._headers).headers(new_span_id())
        stream = self._upstream.stream(timeout_s=timeout_s, metadata=metadata)
        tasks = [asyncio.create_task(self._send(requests, stream)), asyncio.create_task(self._receive(stream))]
        ended: Ended | None = None
        try:
            while not isinstance(item := await self._outgoing.get(), Ended):
                yield item
            ended = item
        finally:
            for task in tasks:
                task.cancel()
            stream.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._close_all(ended)
        if ended.code is not grpc.StatusCode.OK:
            await context.abort(ended.code, ended.details)

    async def _send(self, requests: AsyncIterator[bytes], stream: Any) -> None:
        with contextlib.suppress(asyncio.InvalidStateError, grpc.aio.AioRpcError):  # `_receive` reports how it ended
            async for wire in requests:
                admitted = self._admitted(wire)
                if admitted is not None:
                    await stream.write(admitted.wire)
                else:
                    await self._outgoing.put(self._last_refusal)
            await stream.done_writing()

    _last_refusal: bytes = b""

    def _admitted(self, wire: bytes) -> Admitted | None:
        try:
            if len(self._open) >= self._desk.settings.stream_calls_max:
                raise Refusal(
                    "overloaded", f"{len(self._open)} requests are open on this stream, the limit", retry_after_s=1.0
                )
            admitted = admit(
                self._desk, wire, self._headers, "oip-grpc-stream", is_loopback=self._is_loopback, deadline_ms=None
            )
        except Refused as refused:
            self._last_refusal = _error_response(refused.refusal.message, refused.call.client_request_id)
            return None
        except Refusal as refusal:
            self._last_refusal = _error_response(refusal.message, "")
            return None
        self._open[self._next] = OpenCall(admitted.call, admitted.wire)
        self._next += 1
        return admitted

    async def _receive(self, stream: Any) -> None:
        try:
            while (message := await stream.read()) is not grpc.aio.EOF:
                if self._note(message):
                    await self._desk.settled()
                await self._outgoing.put(message)
            code, details = await stream.code(), await stream.details()
        except grpc.aio.AioRpcError as error:
            code, details = error.code(), error.details()
        except Refusal as refusal:
            code, details = grpc.StatusCode.RESOURCE_EXHAUSTED, refusal.message
        await self._outgoing.put(Ended(code, details or ""))

    def _note(self, message: bytes) -> bool:
        """Whether this message ended its call."""
        try:
            peeked = peek_stream_response(message)
        except NoMessage:
            return False
        key = self._matching(peeked)
        if key is None:
            return False
        call = self._open[key]
        call.responses.append(message)
        call.error_message = call.error_message or peeked.error_message
        if call.first_token_time_us is None:
            call.first_token_time_us = now_us()
        is_last = bool(peeked.is_final or peeked.error_message)
        if is_last:
            self._complete(
                key, "failed" if call.error_message else "ok", 13 if call.error_message else 0, call.error_message
            )
        return is_last

    def _matching(self, peeked: PeekedStreamResponse) -> int | None:
        for key, call in self._open.items():
            if not peeked.message_id or call.call.client_request_id == peeked.message_id:
                return key
        return None

    def _close_all(self, ended: Ended | None) -> None:
        for key in list(self._open):
            if ended is None:
                self._complete(key, "cancelled", 1, "the client went away")
            elif ended.code is grpc.StatusCode.OK:
                failed = self._open[key].error_message
                self._complete(key, "failed" if failed else "ok", 13 if failed else 0, failed)
            else:
                lost = (
                    ended.code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL) and self._open[key].responses
                )
                self._complete(key, "upstream_lost" if lost else "failed", ended.code.value[0], ended.details)

    def _complete(self, key: int, outcome: Outcome, status_code: int, message: str) -> None:
        call = self._open.pop(key)
        end = CallEnd(
            end_time_us=now_us(),
            outcome=outcome,
            status_code=status_code,
            error_type=error_type_of(status_code),
            error_message=message,
            first_token_time_us=call.first_token_time_us,
        )
        self._desk.completed(call.call, end, call.wire, call.responses)


def _error_response(message: str, request_id: str) -> bytes:
    response = service_pb2.ModelStreamInferResponse(error_message=message)
    response.infer_response.id = request_id
    return bytes(response.SerializeToString())
