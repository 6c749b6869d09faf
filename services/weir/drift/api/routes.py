"""The HTTP API: the monitored streams, and what a person may decide about one.

    GET  /v1/streams                                    {"items": [...], "limit": streams_max}
    POST /v1/streams/{tenant}/{route}/accept            the change is the new normal: a new reference is begun
    POST /v1/streams/{tenant}/{route}/dismiss           the alarm was false: it ends, the reference stays
    POST /v1/streams/{tenant}/{route}/skew-reference    an evaluation dataset version to compare with
    GET  /v1/streams/{tenant}/{route}/clusters          novel clusters, growing ones first

Bodies are JSON; `api_body` says what they hold. Every route demands the token (`runtime.http_access`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from weir.detectors.bank import MonitoringBank
from weir.drift.api.body import BODY_BYTES_MAX, DATASET_BYTES_MAX, BadBody, dataset_of, decision_of, object_of
from weir.drift.app import Drift, UnknownStream, phase_of
from weir.drift.core.checkpoint import Checkpoint
from weir.drift.core.stream.parts import parts_of
from weir.drift.core.stream.signals import config_digest, dataset_fields, reference_digest
from weir.drift.core.stream.skew_watch import SkewWatch
from weir.runtime.clock import now_us
from weir.runtime.errors import Retryable
from weir.runtime.http.server import problem

Decide = Callable[[str, str, dict[str, object]], Awaitable[Checkpoint]]
"""Does what a body asks of a stream."""


def routes(drift: Drift, streams_max: int, skew_items_max: int = 2_000) -> list[BaseRoute]:
    """The routes of the API over `drift`. skew_items_max: items of an evaluation dataset."""

    async def streams(_: Request) -> Response:
        return JSONResponse({"items": [view_of(one) for one in drift.streams()], "limit": streams_max})

    async def accept(tenant: str, route: str, body: dict[str, object]) -> Checkpoint:
        return await drift.accept(tenant, route, decision_of(body), now_us())

    async def dismiss(tenant: str, route: str, body: dict[str, object]) -> Checkpoint:
        return await drift.dismiss(tenant, route, decision_of(body), now_us())

    async def compare(tenant: str, route: str, body: dict[str, object]) -> Checkpoint:
        return await drift.compare(tenant, route, dataset_of(body, skew_items_max), now_us())

    async def clusters(request: Request) -> Response:
        tenant, route = request.path_params["tenant"], request.path_params["route"]
        try:
            return JSONResponse({"items": [asdict(one) for one in drift.clusters(tenant, route)]})
        except UnknownStream as error:
            return problem(404, "Unknown stream", str(error), "GET /v1/streams lists them")

    return [
        Route("/v1/streams", streams, methods=["GET"]),
        Route("/v1/streams/{tenant}/{route:path}/clusters", clusters, methods=["GET"]),
        *(
            Route(f"/v1/streams/{{tenant}}/{{route:path}}/{verb}", _deciding(decide, bytes_max), methods=["POST"])
            for verb, decide, bytes_max in (
                ("accept", accept, BODY_BYTES_MAX),
                ("dismiss", dismiss, BODY_BYTES_MAX),
                ("skew-reference", compare, DATASET_BYTES_MAX),
            )
        ),
    ]


def _deciding(decide: Decide, bytes_max: int) -> Callable[[Request], Awaitable[Response]]:
    async def decided(request: Request) -> Response:
        try:
            body = await object_of(request, bytes_max)
            checkpoint = await decide(request.path_params["tenant"], request.path_params["route"], body)
        except BadBody as error:
            return problem(422, error.title, str(error), error.hint)
        except UnknownStream as error:
            return problem(404, "Unknown stream", str(error), "GET /v1/streams lists them")
        except ValueError as error:
            return problem(422, "Not comparable", str(error), "embed the dataset with the model of the stream")
        except Retryable as error:
            return problem(503, "Not ready", str(error), "try again")
        return JSONResponse(view_of(checkpoint))

    return decided


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
        "constant_parts": list(bank.fitted.constant_parts) if isinstance(bank, MonitoringBank) else [],
        "parts": [asdict(part) for part in parts_of(bank)] if isinstance(bank, MonitoringBank) else [],
        "skew": skew_view(stream.skew) if stream.skew else None,
        "last_signal": asdict(stream.last_signal) if stream.last_signal else None,
    }


def skew_view(watch: SkewWatch) -> dict[str, object]:
    """What a stream is compared with, and what the last window said."""
    return {
        **dataset_fields(watch),
        "state": "stale" if watch.is_stale else "skewed" if watch.is_raised else "watching",
        "author": watch.author,
        "embedding_model": watch.model,
        "windows": watch.windows,
        "window_events": len(watch.window),
        "last": asdict(watch.last) if watch.last else None,
    }


def _alarm(bank: MonitoringBank) -> str:
    if bank.monitor.page.raised:
        return "page"
    return "warn" if bank.monitor.warn.raised else ""
