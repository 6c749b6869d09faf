"""One inference call of the OpenAI API: a session with this API's ways to the model server and its reading of the answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError
from starlette.requests import ClientDisconnect

from weir.access.grpc_calls import join_headers
from weir.access.refusals import NAME_CHARS_MAX, Refusal, error_type_of
from weir.gateway.calls.call_session import CallSession
from weir.gateway.calls.call_start import start_call, trace_headers_of
from weir.gateway.calls.gateway import Gateway
from weir.gateway.core.call import Protocol
from weir.gateway.core.peek import NoMessage, PeekedStreamResponse, peek_stream_response
from weir.gateway.core.upstream_status import retry_after_ms, upstream_status
from weir.gateway.core.wire import Tensors, tensors_of
from weir.runtime.http.departure import Departure
from weir.runtime.oip import SERVER_TIMING, trailer_of

MS_PER_S = 1_000

STREAMED: Mapping[Protocol, Protocol] = {
    "openai-chat": "openai-chat-stream",
    "openai-completions": "openai-completions-stream",
}
"""Protocol of a call -> of the same call with a streamed answer."""

P = TypeVar("P")
T = TypeVar("T")


class HttpCall(CallSession):
    """A call while it lasts; leaving its block ends it."""

    def __init__(self, gateway: Gateway, headers: Mapping[str, str], protocol: Protocol, operation: str) -> None:
        self.headers = join_headers(headers.items())
        super().__init__(gateway, start_call(self.headers, protocol, operation, "", None))
        self._timing = ""
        """What the inference service said of a stream that ended."""

    def name(self, *, route: str, user_text: str, labels: Mapping[str, str], is_stream: bool = False) -> None:
        """Fill in what became known; texts are cut to what their events keep."""
        protocol = STREAMED.get(self.call.protocol, self.call.protocol) if is_stream else self.call.protocol
        self.know(
            route=route[:NAME_CHARS_MAX],
            user_text=user_text[: self._gateway.settings.text_chars_max],
            labels=labels,
            protocol=protocol,
        )

    async def unary(self, wires: Sequence[bytes], read: Callable[[list[bytes]], T]) -> T:
        """What `read` makes of the answers to one or more ModelInfer requests, asked one after the other.

        The call ends well once `read` did. Raises Refusal when a request fails, or `read` finds no answer in it.
        """
        self.hold_answer()
        answers, timing = list[bytes](), ""
        try:
            for wire in wires:
                answer, timing = await self.ask(wire, self._gateway.settings.timeout_s)
                answers.append(answer)
        except grpc.aio.AioRpcError as error:
            raise self._end_by_error(error) from error
        value = _read(read, answers)
        await self.end_well(timing)
        return value

    async def stream(
        self, wire: bytes, read: Callable[[Tensors], bytes], finish: Callable[[], None]
    ) -> AsyncGenerator[bytes]:
        """What `read` makes of each answer to a ModelStreamInfer request, as they come; then `finish` looks at the whole.

        The call ends well once `finish` did, before the generator does. Raises Refusal when upstream fails, or `read` or
        `finish` does; what was streamed by then is recorded with it.
        """
        try:
            async with aclosing(self._pieces(wire)) as pieces:
                async for piece in pieces:
                    yield read(tensors_of(piece.response)) if piece.response.outputs else b""
            finish()
        except Refusal as refusal:
            self.end_by_refusal(refusal)
            raise
        await self.end_well(self._timing)

    async def whole(self, wire: bytes, read: Callable[[list[Tensors]], T]) -> T:
        """What `read` makes of all answers to a ModelStreamInfer request. Raises Refusal as `unary` does."""
        self.hold_answer()
        parts, size, bytes_max = list[Tensors](), 0, self._gateway.settings.message_bytes_max
        async with aclosing(self._pieces(wire)) as pieces:
            async for piece in pieces:
                size += piece.size_bytes
                if size > bytes_max:
                    raise Refusal("upstream_error", f"the answer has over {bytes_max} bytes; ask for it as a stream")
                if piece.response.outputs:
                    parts.append(tensors_of(piece.response))
        value = _read(read, parts)
        await self.end_well(self._timing)
        return value

    async def _pieces(self, wire: bytes) -> AsyncGenerator[PeekedStreamResponse]:
        stream = self._gateway.upstream.stream(
            timeout_s=self._gateway.settings.timeout_s, metadata=trace_headers_of(self.call)
        )
        self.mark_forwarded(stream.cancel)
        try:
            await stream.write(wire)
            await stream.done_writing()
            while (message := await stream.read()) is not grpc.aio.EOF:
                yield self._read_piece(bytes(message))
            code, details = await stream.code(), await stream.details()
            self._timing = trailer_of(await stream.trailing_metadata(), SERVER_TIMING)
        except grpc.aio.AioRpcError as error:
            raise self._end_by_error(error) from error
        except asyncio.InvalidStateError as error:  # it ended before it was asked
            code, details = await stream.code(), await stream.details()
            raise self._end_by_status(code, details or "") from error
        finally:
            stream.cancel()
        if code is not grpc.StatusCode.OK:
            raise self._end_by_status(code, details or "", self._timing)

    def _read_piece(self, message: bytes) -> PeekedStreamResponse:
        """A piece, which is kept. Raises Refusal for one that is an error, or no message."""
        try:
            peeked = peek_stream_response(message)
        except NoMessage as error:
            raise _unreadable(error) from error
        self.keep(message if self.call.is_stream else bytes(peeked.response.SerializeToString()))
        self.take_piece(error_message=peeked.error_message)
        if peeked.error_message:
            raise Refusal("upstream_error", peeked.error_message)
        return peeked

    def _end_by_error(self, error: grpc.aio.AioRpcError) -> Refusal:
        """Record upstream's end; what the client gets for it."""
        trailers = error.trailing_metadata()
        timing, after_ms = trailer_of(trailers, SERVER_TIMING), trailer_of(trailers, "retry-after-ms")
        asked_ms = retry_after_ms(after_ms)
        after_s = None if asked_ms is None else asked_ms / MS_PER_S
        return self._end_by_status(error.code(), error.details() or "", timing, after_s)

    def _end_by_status(
        self, code: grpc.StatusCode, details: str, timing: str = "", retry_after_s: float | None = None
    ) -> Refusal:
        status = upstream_status(int(code.value[0]), details)
        self.end_by_upstream(status.code, status.details, timing)
        text = status.details or f"the model server answered {code.name}"
        return Refusal(error_type_of(status.code) or "upstream_error", text, retry_after_s=retry_after_s)


@contextmanager
def while_connected(departure: Departure) -> Iterator[None]:
    """Run the block unless the client goes away first: then it is cancelled. Raises Refusal("cancelled")."""
    try:
        with departure.cancels():
            yield
    except ClientDisconnect as error:
        raise Refusal("cancelled", "the client went away") from error


def _read(read: Callable[[list[P]], T], answers: list[P]) -> T:
    try:
        return read(answers)
    except (ValueError, DecodeError) as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> Refusal:
    return Refusal("upstream_error", f"the model server's answer cannot be read: {error}")
