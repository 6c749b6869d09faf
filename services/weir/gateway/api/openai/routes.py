"""The OpenAI API: OpenAI's chat and text completions, embeddings and models, and feedback.

Every answer is OpenAI's, also to a path that is not served. Invariant (K13): what a body says is used, or refused by name.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from weir.access.keys import Caller
from weir.access.refusals import Refusal, cut
from weir.gateway.adapters.model_metadata import ModelMetadata
from weir.gateway.api.openai import replies
from weir.gateway.api.openai.call import HttpCall, while_connected
from weir.gateway.api.openai.passing import Passing
from weir.gateway.api.openai.reply import Reply
from weir.gateway.api.openai.stream import PieceStream, events
from weir.gateway.calls.call_start import PROMPT, SESSION, reply_headers_of, session_of
from weir.gateway.calls.gateway import Gateway
from weir.gateway.core.answer import AnswerReader
from weir.gateway.core.body_values import json_value
from weir.gateway.core.call import Feedback, Protocol
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.feedback_request import FeedbackRequest, read_feedback
from weir.gateway.core.model_inputs import generation_request
from weir.gateway.core.openai_request import (
    ChatRequest,
    CompletionRequest,
    asks_for_stream,
    read_chat,
    read_completion,
    read_embeddings,
    route_of,
)
from weir.gateway.core.passed_request import (
    PassedRequest,
    Reader,
    passed_chat,
    passed_completion,
    passed_embeddings,
)
from weir.gateway.core.served import not_served
from weir.gateway.core.upstream_request import demand_dimensions, embeddings_of, embeddings_request, embeddings_requests
from weir.gateway.core.wire import Tensors, read_responses
from weir.runtime.clock import now_us
from weir.runtime.http.access import Access, DeclaredRoute, DirectRoute
from weir.runtime.http.boundary import Refused
from weir.runtime.http.departure import DEPARTURE
from weir.runtime.identity import new_id

ANY_METHOD = ()
"""Every method, also one that nobody knows, gets an answer in OpenAI's form where nothing is served: Starlette reads no
names as no limit."""

Answer = Callable[[HttpCall, object, Request, Reply], Awaitable[None]]
"""Answers a call whose body was read. Raises Refusal."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One way to ask for a text."""

    what: str
    """As errors name it."""
    read: Callable[[object], ChatRequest | CompletionRequest]
    """Reads a body for the model server. Raises Refusal."""
    read_passed: Reader
    """Reads a body for an OpenAI server. Raises Refusal."""
    brings_prompt: bool
    """Whether the client sends a finished prompt, to which no template is applied."""


DIGITS_MAX = 18
"""Digits of a content-length that is read as a number. Chosen: 10^18 bytes is more than anybody has."""


def routes(gateway: Gateway) -> list[Route]:
    """The API's routes; each one authenticates, there is none without."""
    handlers = OpenAIHandlers(gateway)
    return [
        DirectRoute("/v1/chat/completions", handlers.chat, access=Access.OWN_KEYS, methods=["POST"]),
        DirectRoute("/v1/completions", handlers.completions, access=Access.OWN_KEYS, methods=["POST"]),
        DirectRoute("/v1/embeddings", handlers.embeddings, access=Access.OWN_KEYS, methods=["POST"]),
        DeclaredRoute("/v1/models", handlers.models, access=Access.OWN_KEYS),
        DeclaredRoute("/v1/models/{model:path}", handlers.model, access=Access.OWN_KEYS),
        DeclaredRoute("/v1/feedback", handlers.feedback, access=Access.OWN_KEYS, methods=["POST"]),
        DeclaredRoute("/{path:path}", _nowhere, access=Access.OPEN, methods=ANY_METHOD),
    ]


def page_of(_: Scope, refused: Refused) -> Response:
    """The answer of the OpenAI API in the form that OpenAI's clients read."""
    message = f"{refused.detail}; {refused.hint}" if refused.hint else refused.detail
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": refused.reason}
    return JSONResponse({"error": error}, status_code=refused.status)


class OpenAIHandlers:
    """Handlers of the routes."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._metadata = ModelMetadata(gateway.upstream)
        self._passing = Passing(gateway.servers, gateway.settings)

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/chat/completions."""
        way = Generation("chat completions", read_chat, passed_chat, brings_prompt=False)
        await self._call(scope, receive, send, "openai-chat", "chat", partial(self._generate, way))

    async def completions(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/completions."""
        way = Generation("completions", read_completion, passed_completion, brings_prompt=True)
        answer = partial(self._generate, way)
        await self._call(scope, receive, send, "openai-completions", "text_completion", answer)

    async def embeddings(self, scope: Scope, receive: Receive, send: Send) -> None:
        """POST /v1/embeddings."""
        await self._call(scope, receive, send, "openai-embeddings", "embeddings", self._embed)

    async def models(self, request: Request) -> Response:
        """GET /v1/models: the routes this key may use."""
        try:
            visible = self._gateway.catalog.routes(self._caller(request, "models"))
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse({"object": "list", "data": [replies.model(route) for route in visible]})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{id}."""
        try:
            caller = self._caller(request, "models")
            resolved = self._gateway.catalog.resolve(request.path_params["model"], caller)
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse(replies.model(resolved))

    async def feedback(self, request: Request) -> Response:
        """POST /v1/feedback: {"request_id", "score" or "label", "comment"}."""
        try:
            caller = self._caller(request, "feedback")
            with self._gateway.turnstile.enter_call(caller) as slot:
                asked = read_feedback(await self._read_body(request, slot.hold_bytes))
                feedback = self._judgement(asked, caller.tenant)
                self._gateway.recorder.record_feedback(feedback)
                await self._gateway.recorder.sync()
        except Refusal as refusal:
            return _error(refusal)
        return JSONResponse({"event_id": feedback.event_id, "request_id": feedback.request_id}, status_code=202)

    def _judgement(self, asked: FeedbackRequest, tenant: str) -> Feedback:
        if not self._gateway.request_ids.is_issued(asked.request_id, tenant):
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

    async def _call(
        self, scope: Scope, receive: Receive, send: Send, protocol: Protocol, operation: str, answer: Answer
    ) -> None:
        """One inference call. What it holds of the limits is given back once its client has the answer, or is gone."""
        request = Request(scope, receive)
        call = HttpCall(self._gateway, request.headers, protocol, operation)
        reply = Reply(send, self._gateway.settings.write_timeout_s)
        try:
            with call:
                call.enter(request.headers.get("authorization", ""), is_loopback=False)
                _demand_no_query(request)
                call.know(session_id=_session(call.headers))
                body = await self._read_body(request, call.receive)
                with while_connected(scope[DEPARTURE]):
                    await answer(call, body, request, reply)
        except Refusal as refusal:
            if reply.has_begun:
                return  # the server closes a connection whose answer is not whole
            response = _error(refusal)
            response.headers.update(dict(reply_headers_of(call.call)))
            await response(scope, receive, send)

    async def _generate(self, way: Generation, call: HttpCall, body: object, request: Request, reply: Reply) -> None:
        """A chat or text completion. `weir-prompt` names another template of a chat; for a completion it names the
        template that the client rendered itself."""
        resolved, chosen = self._resolve(call, body, "chat", way.what), _prompt_name(request)
        if chosen:
            resolved = resolved.with_prompt(call.prompt(chosen))
        elif way.brings_prompt:
            resolved = resolved.without_prompt()
        if resolved.model.endpoint is not None:
            await self._pass_on(call, resolved, way.read_passed(body, resolved.model.endpoint), reply)
            return
        asked = way.read(body)
        call.name(route=asked.model, user_text=asked.question, is_stream=asked.is_stream, labels=asked.labels)
        prompt = asked.prompt_in(resolved)
        wants_stream = asked.is_stream or not resolved.model.unary_model
        model = resolved.model.stream_model if wants_stream else resolved.model.unary_model
        if not model:
            raise Refusal(
                "invalid_request", f"{asked.model!r} has no streaming model; ask with stream: false", field="stream"
            )
        call.know(route=resolved.route, model=model, references=resolved.references)
        wire = generation_request(
            await self._metadata.inputs_of(model), resolved, asked, prompt, request_id=call.call.request_id
        )
        call.admit(resolved, wire, asked.sampling)
        if asked.is_stream:
            stream = PieceStream(call.call)
            pieces = call.stream(wire, stream.piece, stream.answer.demand_text)
            sent = events(stream, await anext(pieces, b""), pieces, include_usage=asked.include_usage)
            await reply.events(sent, reply_headers_of(call.call))
            return

        def read(parts: list[Tensors]) -> bytes:
            answer, text = AnswerReader(), bytearray()
            for part in parts:
                text += answer.piece(part)
            answer.demand_text(is_whole=not wants_stream)
            return orjson.dumps(replies.whole(call.call, answer, text.decode("utf-8", "replace")))

        if wants_stream:
            whole = await call.whole(wire, read)
        else:
            whole = await call.unary([wire], lambda answers: read(read_responses(answers, is_stream=False)))
        await reply.whole(whole, reply_headers_of(call.call))

    async def _embed(self, call: HttpCall, body: object, request: Request, reply: Reply) -> None:
        texts_max = self._gateway.settings.texts_per_call_max
        resolved = self._resolve(call, body, "embeddings", "embeddings")
        if _prompt_name(request):
            raise Refusal("invalid_request", f"{PROMPT} has no meaning for embeddings; leave it out", field=PROMPT)
        if resolved.model.endpoint is not None:
            await self._pass_on(call, resolved, passed_embeddings(body, resolved.model.endpoint, texts_max), reply)
            return
        asked = read_embeddings(body, texts_max)
        call.name(route=asked.model, user_text="\n".join(asked.texts), labels=asked.labels)
        model = resolved.model.unary_model or ""
        call.know(route=resolved.route, model=model, references=resolved.references)
        asked_for = model, resolved.model.text_tensor, asked.texts, call.call.request_id
        wires = embeddings_requests(*asked_for)
        call.admit(resolved, embeddings_request(*asked_for), {})

        def read(answers: list[bytes]) -> bytes:
            try:
                vectors = [vector for answer in answers for vector in embeddings_of(answer)]
            except ValueError as error:
                raise Refusal("upstream_error", str(error)) from error
            if len(vectors) != len(asked.texts):
                raise Refusal(
                    "upstream_error", f"the model answered {len(vectors)} vectors for {len(asked.texts)} texts"
                )
            demand_dimensions(resolved, vectors)
            return orjson.dumps(replies.embeddings(resolved.route, vectors, is_base64=asked.is_base64))

        await reply.whole(await call.unary(wires, read), reply_headers_of(call.call))

    async def _pass_on(self, call: HttpCall, resolved: Resolved, asked: PassedRequest, reply: Reply) -> None:
        """A call of a route whose model is at an OpenAI server."""
        call.name(route=resolved.route, user_text=asked.user_text, is_stream=asked.is_stream, labels=asked.labels)
        await self._passing.answer(call, resolved, asked, reply)

    def _resolve(self, call: HttpCall, body: object, task: str, what: str) -> Resolved:
        """What the route of a body means, for a caller who may ask it and in a call of its task. Raises Refusal.

        It comes before the other fields are read: which of them there are depends on the model's server.
        """
        route = route_of(body, what)
        call.name(route=route, user_text="", labels={}, is_stream=asks_for_stream(body))
        resolved = call.resolve(route)
        if resolved.model.task != task:
            raise Refusal("invalid_request", f"{cut(route)!r} serves {resolved.model.task}, not {task}", field="model")
        return resolved

    def _caller(self, request: Request, scope: str) -> Caller:
        caller = self._gateway.caller(request.headers.get("authorization", ""), is_loopback=False)
        caller.demand(scope)
        _demand_no_query(request)
        return caller

    async def _read_body(self, request: Request, received: Callable[[int], None]) -> object:
        """The JSON value of the body. received: called with each part's size, before the part is kept."""
        limit, within_s = self._gateway.settings.message_bytes_max, self._gateway.settings.request_read_s
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and (len(declared) > DIGITS_MAX or int(declared) > limit):
            raise Refusal("payload_too_large", f"the body has {cut(declared)} bytes; at most {limit} are taken")
        data = bytearray()
        try:
            async with asyncio.timeout(within_s):
                async for part in request.stream():
                    received(len(part))
                    data += part
                    if len(data) > limit:
                        raise Refusal("payload_too_large", f"the body has over {limit} bytes, the limit")
        except ClientDisconnect as error:
            raise Refusal("cancelled", "the client went away before its body was read") from error
        except TimeoutError as error:
            raise Refusal("request_timeout", f"the body did not come within {within_s:g} s") from error
        return json_value(bytes(data))


async def _nowhere(request: Request) -> Response:
    """A path or method that is not served."""
    return _error(not_served(request.method, request.url.path))


def _demand_no_query(request: Request) -> None:
    """Raises Refusal for query parameters: no route has any, and one that was ignored would not be noticed."""
    if request.scope["query_string"]:
        names = ", ".join(sorted(request.query_params)) or "one without a name"
        raise Refusal("invalid_request", f"query parameters are not taken: {cut(names)}; leave them out")


def _prompt_name(request: Request) -> str:
    return request.headers.get(PROMPT, "")


def _session(headers: Mapping[str, str]) -> str:
    """The client's session. Starlette reads headers as Latin-1, clients write them as UTF-8."""
    try:
        return session_of({SESSION: headers.get(SESSION, "").encode("latin-1").decode("utf-8")})
    except UnicodeDecodeError as error:
        raise Refusal("invalid_request", f"{SESSION} is no UTF-8: {error}", field=SESSION) from error


def _error(refusal: Refusal) -> Response:
    after = refusal.retry_after_s
    headers = {} if after is None else {"retry-after": str(max(1, math.ceil(after)))}
    return JSONResponse(replies.error_object(refusal), status_code=refusal.http_status, headers=headers)
