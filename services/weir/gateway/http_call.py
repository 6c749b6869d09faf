"""One inference call of the HTTP door: admitted, sent upstream, recorded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import grpc
import grpc.aio

from weir.gateway.adapters.upstream import Upstream
from weir.gateway.app import Desk
from weir.gateway.call_start import joined, started, trace_headers_of
from weir.gateway.core.call import CallEnd, Outcome, Protocol
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.errors import REFUSALS, Refusal, error_type_of
from weir.gateway.core.peek import peek_stream_response
from weir.gateway.core.wire import unwrapped
from weir.runtime.clock import now_us

STREAMED: Mapping[Protocol, Protocol] = {
    "openai-chat": "openai-chat-stream",
    "openai-completions": "openai-completions-stream",
}
"""Protocol of a call -> of the same call with a streamed answer."""

T = TypeVar("T")

CLIENT_CLOSED = 499
"""HTTP status recorded for a client that went away; nobody receives it."""


class HttpCall:
    """A call while it lasts. Each way of ending records it exactly once."""

    def __init__(
        self, desk: Desk, upstream: Upstream, headers: Mapping[str, str], protocol: Protocol, operation: str
    ) -> None:
        self._desk = desk
        self._upstream = upstream
        self._is_recorded = False
        self.headers = joined(headers.items())
        self.call = started(self.headers, protocol, operation, "", None)
        self.first_token_time_us: int | None = None

    def name(self, *, route: str, user_text: str, labels: Mapping[str, str], is_stream: bool = False) -> None:
        """Fill in what became known."""
        protocol = STREAMED[self.call.protocol] if is_stream else self.call.protocol
        self.call = replace(
            self.call,
            route=route[:256],
            user_text=user_text,
            labels=labels,
            protocol=protocol,
        )

    def admitted_for(self, tenant: str, session_id: str) -> None:
        """The caller is known: from here on the call has an id that proves it is this tenant's."""
        self.call = replace(
            self.call, tenant=tenant, request_id=self._desk.request_ids.new(tenant), session_id=session_id
        )

    def resolved(self, resolved: Resolved, model: str) -> None:
        """The call goes to this route and model."""
        self.call = replace(self.call, route=resolved.route, model=model, references=resolved.references)

    def refused(self, refusal: Refusal) -> None:
        """Record a refusal; nothing went upstream."""
        if not self._is_recorded:
            self._is_recorded = True
            self._desk.refused(self.call, refusal, b"", http_status=refusal.http_status)

    async def unary(self, wires: Sequence[bytes], recorded: bytes, read: Callable[[list[bytes]], T]) -> T:
        """What `read` makes of the answers to one or more ModelInfer requests, asked one after the other.

        recorded: one request that says all that is asked. Raises Refusal when one fails, or `read` finds no answer.
        """
        self._desk.requested(self.call, recorded)
        answers, timing = list[bytes](), ""
        try:
            for wire in wires:
                way = self._upstream.unary(
                    "ModelInfer", wire, timeout_s=self._desk.settings.timeout_s, metadata=self._metadata()
                )
                answers.append(bytes(await way))
                timing = next((str(v) for k, v in await way.trailing_metadata() if k == "weir-server-timing"), "")
            value = read(answers)
        except grpc.aio.AioRpcError as error:
            raise self._failed(error.code(), error.details() or "", recorded, answers) from error
        except Refusal as refusal:
            self._record("failed", refusal.status_code, refusal.http_status, refusal.message, recorded, answers)
            raise
        except asyncio.CancelledError:
            self._record("cancelled", 1, CLIENT_CLOSED, "the client went away", recorded, answers)
            raise
        self._record("ok", 0, 200, "", recorded, answers, timing)
        await self._desk.settled()
        return value

    async def whole(self, wire: bytes, read: Callable[[list[bytes]], T]) -> T:
        """What `read` makes of all messages of a ModelStreamInfer request. Raises Refusal as `unary` does."""
        messages, found = list[bytes](), list[T]()
        async for message in self.stream(wire, bytes, lambda: found.append(read(messages))):
            messages.append(message)
        return found[0]

    async def stream(
        self, wire: bytes, read: Callable[[bytes], bytes], finish: Callable[[], None]
    ) -> AsyncGenerator[bytes]:
        """What `read` makes of each message of a ModelStreamInfer request, as they come; then `finish` looks at the whole.

        Raises Refusal when upstream fails or `read` or `finish` does; what was streamed by then is recorded with it.
        """
        self._desk.requested(self.call, wire)
        stream = self._upstream.stream(timeout_s=self._desk.settings.timeout_s, metadata=self._metadata())
        responses: list[bytes] = []
        try:
            await stream.write(wire)
            await stream.done_writing()
            while (message := await stream.read()) is not grpc.aio.EOF:
                responses.append(message if self.call.protocol.endswith("-stream") else unwrapped(message))
                self.first_token_time_us = self.first_token_time_us or now_us()
                peeked = peek_stream_response(message)
                if peeked.error_message:
                    raise self._failed(grpc.StatusCode.INTERNAL, peeked.error_message, wire, responses)
                yield read(message)
            if await stream.code() is not grpc.StatusCode.OK:
                raise self._failed(await stream.code(), await stream.details() or "", wire, responses)
            finish()
        except Refusal as refusal:
            self._record("failed", refusal.status_code, refusal.http_status, refusal.message, wire, responses)
            raise
        except grpc.aio.AioRpcError as error:
            raise self._failed(error.code(), error.details() or "", wire, responses) from error
        except (asyncio.CancelledError, GeneratorExit):
            self._record("cancelled", 1, CLIENT_CLOSED, "the client went away", wire, responses)
            raise
        finally:
            stream.cancel()
        self._record("ok", 0, 200, "", wire, responses)
        await self._desk.settled()

    def _metadata(self) -> list[tuple[str, str]]:
        return trace_headers_of(self.call)

    def _failed(self, code: grpc.StatusCode, details: str, wire: bytes, responses: Sequence[bytes]) -> Refusal:
        number = int(code.value[0])
        word = error_type_of(number) or "upstream_error"
        is_lost = (
            code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL) and self.first_token_time_us is not None
        )
        outcome: Outcome = "refused" if word == "overloaded" else "upstream_lost" if is_lost else "failed"
        self._record(outcome, number, REFUSALS[word][1], details, wire, responses)
        return Refusal(word, details or f"the model server answered {code.name}")

    def _record(
        self,
        outcome: Outcome,
        status_code: int,
        http_status: int,
        message: str,
        wire: bytes,
        responses: Sequence[bytes],
        timing: str = "",
    ) -> None:
        if self._is_recorded:
            return
        self._is_recorded = True
        end = CallEnd(
            end_time_us=now_us(),
            outcome=outcome,
            status_code=status_code,
            http_status=http_status,
            error_type=error_type_of(status_code),
            error_message=message,
            first_token_time_us=self.first_token_time_us,
            server_timing_json=timing,
        )
        self._desk.completed(self.call, end, wire, responses)
