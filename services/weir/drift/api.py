"""The HTTP API: the monitored streams, and accepting a change as the new normal.

    GET  /v1/streams                            {"items": [...], "limit": streams_max}
    POST /v1/streams/{tenant}/{route}/accept    {"author": "..."}, as application/json

It has no keys of its own: it is bound to loopback, and asking for JSON keeps web pages of other origins out.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from weir.drift.app import Drift, UnknownStream, phase_of
from weir.drift.core.bank import MonitoringBank
from weir.drift.core.stream.parts import parts_of
from weir.drift.core.stream.signals import config_digest, reference_digest
from weir.drift.ports import Checkpoint
from weir.runtime.clock import now_us
from weir.runtime.errors import Retryable
from weir.runtime.http import problem

BODY_BYTES_MAX = 4_096
"""Largest body of a request. Chosen: a name fits many times."""

AUTHOR_CHARS_MAX = 128
"""Longest author. Chosen."""

BODY_EXAMPLE = '{"author": "name"}'


def routes(drift: Drift, streams_max: int) -> list[BaseRoute]:
    """The routes of the API over `drift`."""

    async def streams(_: Request) -> Response:
        return JSONResponse({"items": [view_of(one) for one in drift.streams()], "limit": streams_max})

    async def accept(request: Request) -> Response:
        tenant, route = request.path_params["tenant"], request.path_params["route"]
        if not request.headers.get("content-type", "").startswith("application/json"):
            return problem(415, "Not JSON", f"expected {BODY_EXAMPLE}", "send content-type: application/json")
        author = _author(await _body(request))
        if author is None:
            detail = f"expected {BODY_EXAMPLE}, the name with 1 to {AUTHOR_CHARS_MAX} characters"
            return problem(422, "No author", detail, "say who decides")
        try:
            accepted = await drift.accept(tenant, route, author, now_us())
        except UnknownStream as error:
            return problem(404, "Unknown stream", str(error), "GET /v1/streams lists them")
        except Retryable as error:
            return problem(503, "Not ready", str(error), "try again")
        return JSONResponse(view_of(accepted))

    return [
        Route("/v1/streams", streams, methods=["GET"]),
        Route("/v1/streams/{tenant}/{route:path}/accept", accept, methods=["POST"]),
    ]


def view_of(checkpoint: Checkpoint) -> dict[str, object]:
    """A stream for a person who asks; `parts` is empty while it warms."""
    stream, place = checkpoint.stream, checkpoint.place
    bank = stream.bank
    settings, monitors = bank.settings, isinstance(bank, MonitoringBank)
    return {
        "tenant": stream.tenant,
        "route": stream.route,
        "state": phase_of(stream),
        "alarm": _alarm(bank) if isinstance(bank, MonitoringBank) else "",
        "events": stream.events,
        "partition": place.partition,
        "offset": place.offset,
        "reference": {
            "version": str(stream.version),
            "digest": reference_digest(bank.fitted.reference.digest) if isinstance(bank, MonitoringBank) else "",
            "events": stream.reference_events,
            "events_needed": stream.reference_events if monitors else settings.reference_events,
            "begun_because": stream.warming_reason,
        },
        "embedding_model": stream.space.model if stream.space else "",
        "config_digest": config_digest(settings),
        "inactive_parts": list(bank.fitted.inactive_parts) if isinstance(bank, MonitoringBank) else [],
        "parts": [asdict(part) for part in parts_of(bank)] if isinstance(bank, MonitoringBank) else [],
        "last_signal": asdict(stream.last_signal) if stream.last_signal else None,
    }


def _alarm(bank: MonitoringBank) -> str:
    if bank.monitor.page.raised:
        return "page"
    return "warn" if bank.monitor.warn.raised else ""


async def _body(request: Request) -> bytes:
    content = b""
    async for piece in request.stream():
        content += piece
        if len(content) > BODY_BYTES_MAX:
            return b""
    return content


def _author(body: bytes) -> str | None:
    try:
        author = json.loads(body)["author"]
    except (ValueError, KeyError, TypeError):
        return None
    return author if isinstance(author, str) and 0 < len(author) <= AUTHOR_CHARS_MAX else None
