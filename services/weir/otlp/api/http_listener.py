"""The HTTP listener: POST /v1/traces, as protobuf or as JSON, plain or gzip."""

from __future__ import annotations

import math
import zlib
from functools import partial

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Scope

from weir.access.refusals import Refusal
from weir.otlp.adapters.metrics import CRASHES
from weir.otlp.api.status import response_of, status_of
from weir.otlp.app.receiver import Admitted, Receiver
from weir.otlp.core.export import Refusals, UnreadableExport, read_protobuf
from weir.otlp.core.export_json import read_json
from weir.runtime.http.access import Access, DeclaredRoute
from weir.runtime.http.boundary import Refused
from weir.runtime.telemetry.logs import logger

PROTOBUF, JSON = "application/x-protobuf", "application/json"
"""Content types of an answer: that of its request."""

LISTENER = "http"

GZIP_BITS = 16 + zlib.MAX_WBITS
"""What zlib calls gzip's format."""

WORDS = {401: "unauthenticated", 403: "permission_denied", 413: "payload_too_large", 503: "overloaded"}
"""Status of a refusal at the boundary -> our word for it; any other is an invalid request."""


def routes(receiver: Receiver) -> list[Route]:
    """The one route; it authenticates by the gateway's keys."""
    handler = TracesHandler(receiver)
    return [DeclaredRoute("/v1/traces", handler.traces, access=Access.OWN_KEYS, methods=["POST"])]


def page_of(scope: Scope, refused: Refused) -> Response:
    """A refusal at the boundary in the form that OTLP's clients read, with the boundary's own HTTP status."""
    headers = dict(scope["headers"])
    text = f"{refused.detail}; {refused.hint}" if refused.hint else refused.detail
    refusal = Refusal(WORDS.get(refused.status, "invalid_request"), text)
    kind = JSON if headers.get(b"content-type", b"").lower().startswith(JSON.encode()) else PROTOBUF
    return _answer(status_of(refusal, LISTENER), kind, refused.status)


class TracesHandler:
    """Handles the route."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    async def traces(self, request: Request) -> Response:
        """POST /v1/traces. The caller is known before its body is read."""
        kind = JSON if request.headers.get("content-type", "").lower().startswith(JSON) else PROTOBUF
        try:
            with self._receiver.enter(request.headers.get("authorization", "")) as admitted:
                body = await self._body(request, admitted)
                refusals = Refusals()
                await self._take(admitted, body, kind, refusals)
                return _answer(response_of(refusals, LISTENER), kind, 200)
        except ClientDisconnect:
            raise  # nobody waits for an answer
        except Refusal as refused:
            refusal = refused
        except UnreadableExport as error:
            refusal = Refusal("invalid_request", str(error))
        except HTTPException as error:  # of the boundary: a body that grew over its limit
            refusal = Refusal(WORDS.get(error.status_code, "invalid_request"), error.detail)
        except Exception as error:  # noqa: BLE001  # the boundary: an error of ours is answered as one, and the reason is logged
            CRASHES.inc()
            logger().error("request_crashed", error=type(error).__name__, exc_info=error)
            refusal = Refusal("internal_error", "the receiver failed on this request; its log says why")
        response = _answer(status_of(refusal, LISTENER), kind, refusal.http_status)
        if refusal.retry_after_s is not None:
            response.headers["retry-after"] = str(math.ceil(refusal.retry_after_s))
        if refusal.http_status == 401:
            response.headers["www-authenticate"] = 'Bearer realm="weir"'
        return response

    async def _take(self, admitted: Admitted, body: bytes, kind: str, refusals: Refusals) -> None:
        """Record the body's spans. JSON is read aside: 4 MiB of it, 7,000 spans, take over a second (1.2 s measured)."""
        if kind == JSON:
            read = partial(read_json, body, refusals, self._receiver.settings.spans_max)
            await self._receiver.take(admitted.caller, read, refusals, is_read_aside=True)
        else:
            await self._receiver.take(admitted.caller, partial(read_protobuf, body), refusals)

    async def _body(self, request: Request, admitted: Admitted) -> bytes:
        """The body, inflated. Raises Refusal, and HTTPException over the boundary's limit."""
        parts = []
        async for part in request.stream():
            admitted.hold_bytes(len(part))
            parts.append(part)
        body = b"".join(parts)
        if request.headers.get("content-encoding", "identity").strip().lower() != "gzip":
            return body
        inflated = inflate(body, self._receiver.settings.request_bytes_max)
        admitted.hold_bytes(len(inflated))
        return inflated


def inflate(body: bytes, bytes_max: int) -> bytes:
    """What a gzip body holds. At most `bytes_max` bytes of it are inflated, and one more.

    Raises Refusal for a body that is no gzip, for one that ends too early or has bytes after its end, and for one that holds
    more than `bytes_max`.
    """
    reader = zlib.decompressobj(GZIP_BITS)
    try:
        found = reader.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise Refusal("invalid_request", f"the body of {len(body)} bytes is no gzip: {error}") from error
    if len(found) > bytes_max:
        raise Refusal(
            "payload_too_large", f"the body holds over {bytes_max} bytes once inflated (WEIR_OTLP_REQUEST_BYTES_MAX)"
        )
    if not reader.eof or reader.unused_data:
        raise Refusal("invalid_request", f"the body of {len(body)} bytes is no whole gzip alone")
    return found


def _answer(message: Message, kind: str, status: int) -> Response:
    content = MessageToJson(message, indent=None).encode() if kind == JSON else message.SerializeToString()
    return Response(content, status_code=status, media_type=kind)
