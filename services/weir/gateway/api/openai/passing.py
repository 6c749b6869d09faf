"""A call that is passed on to an OpenAI server: the same life as one to Triton, with messages of OpenAI's API at both ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from typing import Any

import httpx2
import orjson

from weir.access.refusals import Refusal
from weir.gateway.adapters.openai_server import OpenAIServers, ServerPool, whole_body
from weir.gateway.api.openai import replies
from weir.gateway.api.openai.call import HttpCall
from weir.gateway.api.openai.patience import Patience
from weir.gateway.api.openai.reply import Reply
from weir.gateway.api.openai.stream import DONE, event
from weir.gateway.calls.call_start import reply_headers_of, trace_headers_of
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.embeddings_answer import demand_vectors
from weir.gateway.core.passed_answer import (
    PassedStream,
    answer_in,
    choices_of,
    failure_in,
    is_usage_alone,
    readdressed,
    words_bytes,
)
from weir.gateway.core.passed_request import PassedRequest
from weir.gateway.settings import GatewaySettings


class Passing:
    """Passes calls on."""

    def __init__(self, servers: OpenAIServers, settings: GatewaySettings) -> None:
        self._servers = servers
        self._settings = settings

    async def answer(self, call: HttpCall, resolved: Resolved, asked: PassedRequest, reply: Reply) -> None:
        """Ask the route's server and send its answer on. Raises Refusal."""
        endpoint = resolved.model.endpoint
        assert endpoint is not None, "the route is one of an OpenAI server"
        wire = asked.wire(resolved, endpoint)
        call.know(route=resolved.route, model=endpoint.model, references=resolved.references, upstream="openai")
        pool = await self._servers.pool(endpoint.base_url)
        call.admit(resolved, wire, asked.parameters)
        call.mark_forwarded()
        if asked.is_stream:
            pieces = self._pieces(call, pool, asked, wire)
            async with aclosing(pieces):
                first = await anext(pieces, b"")
                await reply.events(_events(first, pieces), reply_headers_of(call.call))
        else:
            call.hold_answer()
            await reply.whole(await self._whole(call, resolved, pool, asked, wire), reply_headers_of(call.call))

    async def _whole(
        self, call: HttpCall, resolved: Resolved, pool: ServerPool, asked: PassedRequest, wire: bytes
    ) -> bytes:
        """The whole answer, recorded. Raises Refusal."""
        bytes_max = self._settings.message_bytes_max
        try:
            async with asyncio.timeout(self._settings.timeout_s):
                async with pool.post(asked.path, wire, _headers(call)) as response:
                    data = await whole_body(response, bytes_max)
            call.keep(data)
            body = answer_in(data, "data" if asked.path == "/embeddings" else "choices")
            if asked.path == "/embeddings":
                demand_vectors(resolved, asked.fields, body["data"])
        except TimeoutError as error:
            raise self._ended(call, self._late()) from error
        except Refusal as refusal:
            raise self._ended(call, refusal) from refusal
        call.count_words(words_bytes(body))
        await call.end_well("")
        return orjson.dumps(readdressed(call.call, body))

    async def _pieces(
        self, call: HttpCall, pool: ServerPool, asked: PassedRequest, wire: bytes
    ) -> AsyncGenerator[bytes]:
        """The events for the client, all but the last one, as they come. The call is recorded before they end.

        Raises Refusal; what was streamed by then is recorded with it.
        """
        stream = PassedStream()
        try:
            async with aclosing(self._events(call, pool, asked.path, wire)) as events:
                async for data in events:
                    body = stream.take(data)
                    if body is None:
                        break
                    _take(call, data, body)
                    if asked.include_usage or not is_usage_alone(body):
                        yield event(readdressed(call.call, body))
            if not stream.is_whole:
                raise Refusal("upstream_error", "the OpenAI server's stream ended before it was whole")
        except TimeoutError as error:
            raise self._ended(call, self._late()) from error
        except Refusal as refusal:
            raise self._ended(call, refusal) from refusal
        await call.end_well("")

    async def _events(self, call: HttpCall, pool: ServerPool, path: str, wire: bytes) -> AsyncGenerator[str]:
        """The data of each event. Raises Refusal, and TimeoutError: only waiting for the server is timed, no client is."""
        patience = Patience(self._settings.timeout_s)
        async with AsyncExitStack() as stack:
            async with patience.wait():
                response = await stack.enter_async_context(pool.post(path, wire, _headers(call)))
            source = aiter(httpx2.EventSource(response, max_event_size=self._settings.message_bytes_max))
            while True:
                async with patience.wait():
                    found = await anext(source, None)
                if found is None:
                    return
                if found.data:
                    yield found.data

    def _late(self) -> Refusal:
        return Refusal(
            "deadline_exceeded", f"the OpenAI server's answer was not whole within {self._settings.timeout_s:g} s"
        )

    @staticmethod
    def _ended(call: HttpCall, refusal: Refusal) -> Refusal:
        """The call's end is recorded; what the client gets for it."""
        call.end_by_answer(refusal)
        return refusal


def _take(call: HttpCall, data: str, body: Mapping[str, Any]) -> None:
    """Note a piece of a stream. Raises Refusal for one that is an error."""
    call.keep(data.encode())
    error = failure_in(body, "choices")
    if error is not None:
        call.take_piece(error_message=error[0], has_words=False)
        raise Refusal("upstream_error", error[0], field=error[1])
    if choices_of(body):
        written = words_bytes(body)
        call.count_words(written)
        call.take_piece(has_words=written > 0)


async def _events(first: bytes, pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The events of an answer. The first was read before, so that what fails until then can still be a plain error status."""
    try:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece
    except Refusal as refusal:
        yield event(replies.error_object(refusal))
        return
    yield DONE


def _headers(call: HttpCall) -> Mapping[str, str]:
    return dict(trace_headers_of(call.call))
