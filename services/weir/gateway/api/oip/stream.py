"""One ModelStreamInfer call through the gateway: many requests, many responses, each request its own recorded call.

Invariant: a response belongs to the open request of its own id, an empty id being one too, and to no other: Triton echoes
the id, also with an error. A request whose id is open already goes upstream under its request id, and its responses come
back under the client's. An error without an id ends the one request that is open, whatever its id; where several are open it
goes to the client, and those of them that end with the stream have failed. Any other response of no open request, one
that comes after the last of its call for example, is dropped and counted: it is nobody's answer, and nowhere recorded.
A request's caller is who its stream's authorization names when it comes, with the scopes, routes, limits and tenant of now:
a stream outlives changes of the keys file. One whose key was revoked or has expired ends, within a look if nobody asks.
A request is over when its response says `triton_final_response`, else when the stream ends; without any response it has
failed. Messages pass without a queue between: a client that reads slowly slows the model server down. A request that is
refused, at its begin or at its end, is one error response; the others on the stream go on. The model server is asked for a
stream with the first request that is admitted, so an idle stream costs it nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio
from tritonclient.grpc import service_pb2

from weir.access.grpc_calls import code_of, is_loopback
from weir.access.refusals import Refusal
from weir.gateway.adapters.metrics import SLOW_CLIENTS, STRAY_RESPONSES
from weir.gateway.api.oip.request import admit_request
from weir.gateway.calls.call_session import CallSession
from weir.gateway.calls.call_start import start_call, trace_headers_of
from weir.gateway.calls.gateway import Gateway
from weir.gateway.core.peek import NoMessage, PeekedStreamResponse, outline, peek_stream_response
from weir.gateway.core.upstream_status import upstream_status
from weir.runtime.clock import monotonic_s
from weir.runtime.oip import SERVER_TIMING, trailer_of
from weir.runtime.rpc.messages import BadMessage
from weir.runtime.telemetry.logs import logger

LOOKS = 4
"""Looks at the clock in the shortest time that is waited for. Chosen: a limit is kept to a quarter."""

LOOK_S_MAX = 1.0
"""Longest pause between looks, seconds: small against the limits, 30 s and 300 s unless set."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the stream ended for its client."""

    code: grpc.StatusCode
    details: str
    is_ours: bool = False
    """Whether the gateway gave the client up; the calls it left are `cancelled`."""
    server_timing_json: str = ""
    """What the inference service tells of its part; it covers the whole stream."""


class StreamSession:
    """State of one stream while it lasts."""

    def __init__(self, gateway: Gateway, headers: Mapping[str, str], context: Any) -> None:
        self._gateway = gateway
        self._headers = headers
        self._context = context
        self._authorization, self._is_loopback = headers.get("authorization", ""), is_loopback(context)
        self._open: dict[str, CallSession] = {}  # by the id that went upstream
        self._stray_errors: dict[str, str] = {}  # of open calls: an error that named none of them
        self._stream: Any = None
        self._opener: CallSession | None = None  # the call whose span the stream's hops are under
        self._is_asked = asyncio.Event()
        self._writing = asyncio.Lock()
        self._write_began_s: float | None = None
        self._moved_s = monotonic_s()

    async def run(self) -> Ended:
        """Pass messages both ways until the stream ends, however it does.

        Raises Refusal where the ends of its calls could not be recorded as durably as is set.
        """
        tasks = {asyncio.create_task(part) for part in (self._send(), self._receive(), self._watch())}
        ended: Ended | None = None
        error: BaseException | None = None
        try:
            ended = await _first_end(tasks)
        except Refusal as refusal:
            ended = Ended(code_of(refusal.status_code), refusal.message, is_ours=True)
        except BaseException as caught:
            error = caught
            raise
        finally:
            for task in tasks:
                task.cancel()
            if self._stream is not None:
                self._stream.cancel()
            try:
                await asyncio.gather(*tasks, return_exceptions=True)
            finally:  # also where the client goes away in this very moment
                closed = self._close_all(ended, error)
        if ended.code is grpc.StatusCode.OK:
            for session in closed:
                await session.sync()  # no final flag said so before: the stream's OK is what acknowledges them
        return ended

    async def _send(self) -> Ended | None:
        """From the client to the model server; the end of the stream where nothing is left to wait for."""
        while True:
            try:
                wire = await self._context.read()
            except BadMessage as bad:
                return Ended(code_of(bad.code), bad.text, is_ours=True)
            if wire is grpc.aio.EOF:
                break
            self._moved_s = monotonic_s()
            message, is_admitted = self._open_call(bytes(wire))
            if not is_admitted:
                await self._write(message)
                continue
            try:
                await self._stream.write(message)
            except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
                return None  # `_receive` says how the model server ended the stream
        if self._stream is None:
            return Ended(grpc.StatusCode.OK, "")
        try:
            await self._stream.done_writing()
        except (asyncio.InvalidStateError, grpc.aio.AioRpcError):
            return None
        return None

    def _open_call(self, wire: bytes) -> tuple[bytes, bool]:
        """Open a call for a request. What goes upstream and True, or the error response and False when it is refused.

        Raises Refusal("unauthenticated"): without a caller the whole stream ends.
        """
        session = CallSession(self._gateway, start_call(self._headers, "oip-grpc-stream", "text_completion", "", None))
        try:
            with ExitStack() as opened:
                opened.enter_context(session)
                forwarded = self._admit(session, wire)
                opened.pop_all()
        except Refusal as refusal:
            if refusal.error_type == "unauthenticated":
                raise
            return _error_response(refusal, session.call.client_request_id or _id_of(wire)), False
        return forwarded, True

    def _admit(self, session: CallSession, wire: bytes) -> bytes:
        session.enter(self._authorization, is_loopback=self._is_loopback)
        session.receive(len(wire))
        limit = self._gateway.settings.stream_calls_max
        if len(self._open) >= limit:
            raise Refusal("overloaded", f"{limit} requests are open on this stream, the limit", retry_after_s=1.0)
        forwarded = admit_request(session, self._gateway, wire, self._headers)
        if self._stream is None:
            metadata = trace_headers_of(session.call)
            self._stream = self._gateway.upstream.stream(timeout_s=self._context.time_remaining(), metadata=metadata)
            self._opener = session
            self._is_asked.set()
        session.mark_forwarded(_nothing)
        asked = session.call.client_request_id
        sent = session.call.request_id if asked in self._open else asked
        self._open[sent] = session
        return forwarded.wire if sent == asked else forwarded.with_id(sent)

    async def _receive(self) -> Ended:
        """From the model server to the client."""
        await self._is_asked.wait()
        try:
            while (message := await self._stream.read()) is not grpc.aio.EOF:
                self._moved_s = monotonic_s()
                forwarded = await self._take_response(bytes(message))
                if forwarded is not None:
                    await self._write(forwarded)
            trailers = await self._stream.trailing_metadata()
            return _ended(await self._stream.code(), await self._stream.details(), trailers)
        except grpc.aio.AioRpcError as error:
            return _ended(error.code(), error.details(), error.trailing_metadata())
        except NoMessage as error:
            return Ended(grpc.StatusCode.INTERNAL, f"the model server sent what is no message: {error}")

    async def _take_response(self, message: bytes) -> bytes | None:
        """The message, for its client; an error response in its place when the end of its call found no room; None for a
        message that is nobody's."""
        peeked = peek_stream_response(message)
        key = self._matching(peeked)
        if key is None:
            return message if self._is_passed_on(peeked) else None
        session = self._open[key]
        if peeked.message_id not in ("", session.call.client_request_id):
            message = peeked.with_id(session.call.client_request_id)
        session.keep(message)
        session.take_piece(error_message=peeked.error_message, is_last=peeked.is_final)
        if not session.is_ended:
            return message
        del self._open[key]
        self._stray_errors.pop(key, None)
        try:
            await session.sync()
        except Refusal as refusal:
            return _error_response(refusal, session.call.client_request_id)
        return message

    def _matching(self, peeked: PeekedStreamResponse) -> str | None:
        """The id that the call of a response went upstream with; None where the response is nobody's."""
        if peeked.message_id in self._open:
            return peeked.message_id
        if peeked.error_message and not peeked.message_id and len(self._open) == 1:
            return next(iter(self._open))
        return None

    def _is_passed_on(self, peeked: PeekedStreamResponse) -> bool:
        """Whether the client hears of a response that is nobody's: of an error that may be one of its open calls'."""
        if peeked.error_message and not peeked.message_id:
            self._stray_errors.update(dict.fromkeys(self._open, peeked.error_message))
            return True
        STRAY_RESPONSES.inc()
        return False

    async def _write(self, message: bytes) -> None:
        async with self._writing:
            self._write_began_s = monotonic_s()
            await self._context.write(message)
            self._write_began_s = None

    async def _watch(self) -> Ended:
        """End a stream whose client does not read, or on which nothing happens. Raises Refusal("unauthenticated")."""
        settings = self._gateway.settings
        pause_s = min(LOOK_S_MAX, settings.stream_idle_s / LOOKS, settings.write_timeout_s / LOOKS)
        while True:
            await asyncio.sleep(pause_s)
            now_s, caller = monotonic_s(), self._gateway.caller(self._authorization, is_loopback=self._is_loopback)
            if self._write_began_s is not None and now_s - self._write_began_s > settings.write_timeout_s:
                SLOW_CLIENTS.inc()
                logger().warning("slow_client_cut", seconds=settings.write_timeout_s, tenant=caller.tenant)
                return Ended(
                    grpc.StatusCode.CANCELLED, f"not read for {settings.write_timeout_s:g} s; read faster", is_ours=True
                )
            if not self._open and now_s - self._moved_s > settings.stream_idle_s:
                text = f"nothing was asked for {settings.stream_idle_s:g} s (stream_idle_s); open a stream again"
                return Ended(grpc.StatusCode.DEADLINE_EXCEEDED, text, is_ours=True)

    def _close_all(self, ended: Ended | None, error: BaseException | None) -> list[CallSession]:
        """Give every open call the stream's end; which calls these were."""
        closed = list(self._open.values())
        for key, session in self._open.items():
            if ended is None:
                _end_with_stream(session, error)
            elif ended.is_ours:
                session.end_by_client(ended.details)
            else:
                timing = ended.server_timing_json if session is self._opener else ""
                error_text = self._stray_errors.get(key, "")
                session.end_by_upstream(int(ended.code.value[0]), ended.details, timing, stray_error=error_text)
        self._open.clear()
        self._stray_errors.clear()
        return closed


def _ended(code: grpc.StatusCode, details: str | None, trailers: object) -> Ended:
    """How the model server ended the stream, as it is recorded and passed on."""
    status = upstream_status(int(code.value[0]), details or "")
    return Ended(code_of(status.code), status.details, server_timing_json=trailer_of(trailers, SERVER_TIMING))


async def _first_end(tasks: set[asyncio.Task[Ended | None]] | set[asyncio.Task[Ended]]) -> Ended:
    """What the first part says that knows how the stream ended. Raises what a part raised."""
    waiting: set[asyncio.Task[Any]] = set(tasks)
    while True:
        done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            ended = task.result()
            if ended is not None:
                return ended  # type: ignore[no-any-return]  # the tasks differ in their results


def _end_with_stream(session: CallSession, error: BaseException | None) -> None:
    """Give a call the end of its stream: gone by cancellation, or by an error of ours, which `run` raises already."""
    try:
        session.__exit__(None, error, None)
    except Refusal:
        return


def _nothing() -> None:
    """A stream is shared: one request of it cannot be taken back from the model server."""


def _id_of(wire: bytes) -> str:
    try:
        return outline(wire).message_id
    except NoMessage:
        return ""


def _error_response(refusal: Refusal, request_id: str) -> bytes:
    response = service_pb2.ModelStreamInferResponse(error_message=refusal.message)
    response.infer_response.id = request_id
    return bytes(response.SerializeToString())
