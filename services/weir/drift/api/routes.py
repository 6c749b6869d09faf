"""The HTTP API: the monitored streams, and what a person may decide about one.

    GET  /v1/streams                                    {"items": [...], "limit": streams_max}
    POST /v1/streams/{tenant}/{route}/accept            the change is the new normal: a new reference is begun
    POST /v1/streams/{tenant}/{route}/dismiss           the alarm was false: it ends, the reference stays
    POST /v1/streams/{tenant}/{route}/skew-reference    an evaluation dataset version to compare with
    GET  /v1/streams/{tenant}/{route}/clusters          novel clusters, growing ones first

Bodies are JSON; `body` says what they hold. Every route demands the token (`runtime.http.access`).
"""

from __future__ import annotations

from dataclasses import asdict

from starlette.requests import Request
from starlette.routing import BaseRoute, Route

from weir.detectors.bank import MonitoringBank
from weir.drift.api.answers import answering
from weir.drift.api.body import dataset_in, decision_in
from weir.drift.app import Drift, phase_of
from weir.drift.core.checkpoint import Checkpoint
from weir.drift.core.stream.parts import parts_of
from weir.drift.core.stream.signals import config_digest, dataset_fields, reference_digest
from weir.drift.core.stream.skew_watch import SkewWatch
from weir.runtime.clock import now_us


def routes(drift: Drift, streams_max: int, skew_items_max: int = 2_000) -> list[BaseRoute]:
    """The routes of the API over `drift`. skew_items_max: items of an evaluation dataset."""

    async def streams(_: Request) -> object:
        return {"items": [view_of(one) for one in drift.streams()], "limit": streams_max}

    async def accept(request: Request) -> object:
        by = await decision_in(request)
        return view_of(await drift.accept(*_named(request), by, now_us()))

    async def dismiss(request: Request) -> object:
        by = await decision_in(request)
        return view_of(await drift.dismiss(*_named(request), by, now_us()))

    async def compare(request: Request) -> object:
        dataset = await dataset_in(request, skew_items_max)
        return view_of(await drift.compare(*_named(request), dataset, now_us()))

    async def clusters(request: Request) -> object:
        return {"items": [asdict(one) for one in drift.clusters(*_named(request))]}

    listed_at, listed_by = "/v1/streams", "weir drift status, or GET /v1/streams"
    return [
        Route(listed_at, answering(streams, listed_by), methods=["GET"]),
        Route("/v1/streams/{tenant}/{route:path}/clusters", answering(clusters, listed_by), methods=["GET"]),
        Route("/v1/streams/{tenant}/{route:path}/accept", answering(accept, listed_by), methods=["POST"]),
        Route("/v1/streams/{tenant}/{route:path}/dismiss", answering(dismiss, listed_by), methods=["POST"]),
        Route("/v1/streams/{tenant}/{route:path}/skew-reference", answering(compare, listed_by), methods=["POST"]),
    ]


def view_of(checkpoint: Checkpoint) -> dict[str, object]:
    """A stream for a person who asks; `parts` is empty while it warms."""
    stream, position = checkpoint.stream, checkpoint.position
    bank = stream.bank
    settings, monitors = bank.settings, isinstance(bank, MonitoringBank)
    return {
        "tenant": stream.tenant,
        "route": stream.route,
        "state": phase_of(stream),
        "alarm": _alarm(bank) if isinstance(bank, MonitoringBank) else "",
        "events": stream.events,
        "partition": position.partition,
        "offset": position.offset,
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


def _named(request: Request) -> tuple[str, str]:
    return request.path_params["tenant"], request.path_params["route"]


def _alarm(bank: MonitoringBank) -> str:
    if bank.monitor.page.raised:
        return "page"
    return "warn" if bank.monitor.warn.raised else ""
