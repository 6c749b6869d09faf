"""Health, metrics and problem pages over HTTP, and the server that runs them beside a service's own work.

Every service answers /healthz (the process runs), /readyz (it can do its work; 503 with the reasons otherwise) and
/metrics (Prometheus text). A service with an API passes its own routes to `application`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from weir.runtime.halt import reasons

Readiness = Callable[[], Mapping[str, str]]
"""Says what is not ready: empty when the service can work, else part -> reason."""

GRACE_S = 5
"""Seconds an open request may take once the server was asked to stop. Chosen: below the supervisor's 20 s."""


def problem(
    status: int, title: str, detail: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem page (RFC 9457): what happened, with which value, and what to do."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "hint": hint}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def application(readiness: Readiness, routes: Sequence[BaseRoute] = ()) -> Starlette:
    """The ASGI application of a service: its routes, and health, readiness and metrics."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        missing = {**readiness(), **reasons()}
        return JSONResponse({"ready": not missing, "missing": missing}, status_code=503 if missing else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def on_http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, error.detail, error.detail, headers=error.headers)

    health = [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)]
    return Starlette(routes=[*health, *routes], exception_handlers={HTTPException: on_http_error})


async def serve(app: ASGIApp, host: str, port: int, stop: asyncio.Event) -> None:
    """Serve `app` until `stop` is set. Raises OSError naming the address when the port is taken."""
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=GRACE_S
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the service owns the signals
    running = asyncio.create_task(_serve(server, host, port))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await running


async def _serve(server: uvicorn.Server, host: str, port: int) -> None:
    try:
        await server._serve()  # `serve()` would install signal handlers over the service's own
    except SystemExit as error:
        raise OSError(f"cannot listen on {host}:{port}; is another process using the port? ({error})") from error


def json_bytes(value: object) -> bytes:
    """JSON of a value as bytes, for bodies that are signed or hashed and must not be re-rendered."""
    return json.dumps(value, separators=(",", ":")).encode()
