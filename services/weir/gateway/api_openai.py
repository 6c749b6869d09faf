"""The HTTP door: OpenAI's chat completions, embeddings and models, and feedback.

A failure after the first streamed piece is an `error` object in the stream, and the stream then ends without [DONE]:
stock clients raise on it. A clean end is only ever a success.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import ExitStack, aclosing
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from weir.gateway import openai_replies as replies
from weir.gateway.adapters.upstream import Upstream
from weir.gateway.app import Desk
from weir.gateway.call_start import SESSION, session_of, trace_headers_of
from weir.gateway.core.call import Feedback
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.errors import Refusal
from weir.gateway.core.feedback_request import FeedbackRequest, read_feedback
from weir.gateway.core.keys import Caller
from weir.gateway.core.openai_request import ChatRequest, read_chat, read_embeddings
from weir.gateway.core.template import rendered
from weir.gateway.core.upstream_request import chat_request, embeddings_of, embeddings_requests
from weir.gateway.core.wire import Tensors, first_text, merged, read_responses
from weir.gateway.held_response import HeldResponse
from weir.gateway.http_call import HttpCall
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id


def routes(desk: Desk, upstream: Upstream) -> list[Route]:
    """The door's routes; each one authenticates, there is none without."""
    door = HttpDoor(desk, upstream)
    return [
        Route("/v1/chat/completions", door.chat, methods=["POST"]),
        Route("/v1/embeddings", door.embeddings, methods=["POST"]),
        Route("/v1/models", door.models, methods=["GET"]),
        Route("/v1/models/{model:path}", door.model, methods=["GET"]),
        Route("/v1/feedback", door.feedback, methods=["POST"]),
    ]


class HttpDoor:
    """Handlers of the routes."""

    def __init__(self, desk: Desk, upstream: Upstream) -> None:
        self._desk = desk
        self._upstream = upstream

    async def chat(self, request: Request) -> Response:
        """POST /v1/chat/completions."""
        return await self._call(
            request, HttpCall(self._desk, self._upstream, request.headers, "openai-chat", "chat"), self._chat
        )

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings."""
        call = HttpCall(self._desk, self._upstream, request.headers, "openai-embeddings", "embeddings")
        return await self._call(request, call, self._embeddings)

    async def models(self, request: Request) -> Response:
        """GET /v1/models: the routes this key may use."""
        try:
            caller = self._caller(request, "models")
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse({"object": "list", "data": [replies.model(route) for route in self._visible(caller)]})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{id}."""
        try:
            caller = self._caller(request, "models")
            resolved = self._desk.catalog.resolve(request.path_params["model"])
            caller.demand_route(resolved.route)
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse(replies.model(resolved))

    async def feedback(self, request: Request) -> Response:
        """POST /v1/feedback: {"request_id", "score" or "label", "comment"}."""
        try:
            caller = self._caller(request, "feedback")
            feedback = self._judgement(read_feedback(await self._body(request)), caller.tenant)
            self._desk.feedback(feedback)
            await self._desk.settled()
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse({"event_id": feedback.event_id, "request_id": feedback.request_id}, status_code=202)

    def _judgement(self, asked: FeedbackRequest, tenant: str) -> Feedback:
        if not self._desk.request_ids.is_issued(asked.request_id, tenant):
            raise Refusal(
                "request_not_found",
                "request_id names no call of this tenant; send the weir-request-id or the id of the answer",
                field="request_id",
            )
        return Feedback(
            event_id=new_id(),
            tenant=tenant,
            request_id=asked.request_id,
            time_us=now_us(),
            score=asked.score,
            label=asked.label,
            comment=asked.comment,
        )

    async def _call(self, request: Request, call: HttpCall, answer: Callable[..., Awaitable[Response]]) -> Response:
        try:
            caller = self._desk.caller(request.headers.get("authorization", ""), is_loopback=False)
            call.admitted_for(caller.tenant, _session(call.headers))
            body = await self._body(request)
            with ExitStack() as place:
                place.enter_context(self._desk.in_hand())
                response = await answer(call, caller, body, request)
                if isinstance(response, HeldResponse):
                    response.hold(place.pop_all())
        except Refusal as refusal:
            call.refused(refusal)
            response = _error(refusal)
        response.headers.update({"weir-request-id": call.call.request_id, **dict(trace_headers_of(call.call))})
        return response

    async def _chat(self, call: HttpCall, caller: Caller, body: object, request: Request) -> Response:
        asked = read_chat(body)
        call.name(route=asked.model, user_text=asked.question, is_stream=asked.is_stream)
        resolved = self._resolved(asked.model, "chat", request)
        prompt = _prompt(resolved, asked)
        wants_stream = asked.is_stream or not resolved.unary_model
        model = resolved.stream_model if wants_stream else resolved.unary_model
        if not model:
            raise Refusal(
                "invalid_request", f"{asked.model!r} has no streaming model; ask with stream: false", field="stream"
            )
        call.resolved(resolved, model)
        wire = chat_request(
            model,
            resolved.input_name,
            prompt,
            asked.sampling,
            is_stream=asked.is_stream,
            request_id=call.call.request_id,
        )
        self._desk.admit(caller, resolved, len(wire))
        if asked.is_stream:
            return await _streamed(call, wire, asked, self._desk.settings.write_timeout_s)
        if wants_stream:
            tensors = read_responses([message async for message in call.stream(wire)], is_stream=True)
        else:
            tensors = read_responses(await call.unary([wire]), is_stream=False)
        text = "".join(first_text(part, "text_output") for part in tensors)
        return JSONResponse(replies.completion(call.call, merged(tensors), text))

    async def _embeddings(self, call: HttpCall, caller: Caller, body: object, request: Request) -> Response:
        asked = read_embeddings(body, self._desk.settings.texts_per_call_max)
        call.name(route=asked.model, user_text="\n".join(asked.texts))
        resolved = self._resolved(asked.model, "embeddings", request)
        call.resolved(resolved, resolved.unary_model)
        wires = embeddings_requests(resolved.unary_model, resolved.input_name, asked.texts, call.call.request_id)
        self._desk.admit(caller, resolved, sum(map(len, wires)))
        try:
            vectors = [vector for answer in await call.unary(wires) for vector in embeddings_of(answer)]
        except ValueError as error:
            raise Refusal("upstream_error", str(error)) from error
        words = sum(len(text.split()) for text in asked.texts)
        return JSONResponse(replies.embeddings(resolved.route, vectors, words, is_base64=asked.is_base64))

    def _resolved(self, route: str, task: str, request: Request) -> Resolved:
        resolved = self._desk.catalog.resolve(route)
        if resolved.task != task:
            raise Refusal("invalid_request", f"{route!r} serves {resolved.task}, not {task}", field="model")
        chosen = request.headers.get("weir-prompt", "")
        return resolved.with_prompt(self._desk.catalog.prompt(chosen)) if chosen else resolved

    def _caller(self, request: Request, scope: str) -> Caller:
        caller = self._desk.caller(request.headers.get("authorization", ""), is_loopback=False)
        caller.demand(scope)
        return caller

    def _visible(self, caller: Caller) -> list[Resolved]:
        found = []
        for resolved in self._desk.catalog.routes():
            try:
                caller.demand_route(resolved.route)
            except Refusal:
                continue  # a key sees only its own routes
            found.append(resolved)
        return found

    async def _body(self, request: Request) -> object:
        limit = self._desk.settings.message_bytes_max
        declared = request.headers.get("content-length", "")
        if request.headers.get("content-encoding", "identity") != "identity":
            raise Refusal("invalid_request", "a compressed body is not taken; send it plain")
        if declared.isdigit() and int(declared) > limit:
            raise Refusal("payload_too_large", f"the body has {declared} bytes; at most {limit} are taken")
        data = bytearray()
        try:
            async for part in request.stream():
                data += part
                if len(data) > limit:
                    raise Refusal("payload_too_large", f"the body has over {limit} bytes, the limit")
        except ClientDisconnect as error:
            raise Refusal("cancelled", "the client went away before its body was read") from error
        try:
            return orjson.loads(bytes(data))
        except orjson.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise Refusal("invalid_request", f"the body is no JSON: {error.msg} at {where}") from error


async def _streamed(call: HttpCall, wire: bytes, asked: ChatRequest, write_timeout_s: float) -> Response:
    """The streaming answer; upstream errors before the first piece are still a plain error status."""
    pieces = call.stream(wire)
    first = await anext(pieces, None)
    return HeldResponse(_events(call, first, pieces, asked), write_timeout_s)


async def _events(
    call: HttpCall, first: bytes | None, pieces: AsyncGenerator[bytes], asked: ChatRequest
) -> AsyncGenerator[bytes]:
    seen: list[Tensors] = []
    try:
        async with aclosing(pieces):
            yield _event(replies.chunk(call.call, {"role": "assistant", "content": ""}))
            if first is not None:
                yield _piece(call, first, seen)
            async for message in pieces:
                yield _piece(call, message, seen)
    except Refusal as refusal:
        yield _event(replies.error_object(refusal))
        return
    facts = merged(seen)
    yield _event(replies.chunk(call.call, {}, replies.finish_reason_of(facts)))
    if asked.include_usage:
        yield _event(replies.usage_chunk(call.call, facts))
    yield b"data: [DONE]\n\n"


def _piece(call: HttpCall, message: bytes, seen: list[Tensors]) -> bytes:
    tensors = read_responses([message], is_stream=True)
    seen += tensors
    return b"".join(_event(replies.chunk(call.call, {"content": first_text(part, "text_output")})) for part in tensors)


def _prompt(resolved: Resolved, asked: ChatRequest) -> str:
    if resolved.prompt is None:
        return asked.question
    return rendered(str(resolved.prompt.spec["template"]), {"question": asked.question, "history": asked.history})


def _session(headers: Mapping[str, str]) -> str:
    """The client's session. Starlette reads headers as Latin-1, clients write them as UTF-8."""
    try:
        return session_of({SESSION: headers.get(SESSION, "").encode("latin-1").decode("utf-8")})
    except UnicodeDecodeError as error:
        raise Refusal("invalid_request", f"{SESSION} is no UTF-8: {error}", field=SESSION) from error


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


def _error(refusal: Refusal) -> Response:
    after = refusal.retry_after_s
    headers = {} if after is None else {"retry-after": str(max(1, int(after)))}
    return JSONResponse(replies.error_object(refusal), status_code=refusal.http_status, headers=headers)
