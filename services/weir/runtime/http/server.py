"""Health, metrics and problem pages over HTTP, and the server that runs them beside a service's own work.

Every service answers /healthz (the process runs), /readyz (it can do its work; 503 with the reasons otherwise) and
/metrics (Prometheus text). A service with an API passes its own routes to `application`, which puts all of them behind
the same checks (`boundary`, `access`, `policy`; `protocol` bounds the connections before them).
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from weir.runtime.halt import reasons
from weir.runtime.http.access import Access, DeclaredRoute, carries_token, direct_of, guard
from weir.runtime.http.boundary import Boundary, Page, Refused
from weir.runtime.http.policy import Policy
from weir.runtime.http.protocol import protocol_of
from weir.runtime.surroundings import STACK_INSTANCE
from weir.runtime.tls.certificates import Certificates
from weir.runtime.tls.listener import TlsListener

Readiness = Callable[[], Mapping[str, str]]
"""Says what is not ready: empty when the service can work, else part -> reason."""

CLIENT_CLOSED = 499
"""Status of an answer to a client that went away while its body was read."""

GRACE_S = 5
"""Seconds an open request may take once the server was asked to stop. Chosen: below the supervisor's 20 s."""


def problem(
    status: int, title: str, detail: str, hint: str = "", headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A problem page (RFC 9457): what happened, with which value, and what to do."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, "hint": hint}
    return JSONResponse(body, status_code=status, headers=headers, media_type="application/problem+json")


def application(
    readiness: Readiness, policy: Policy, routes: Sequence[BaseRoute] = (), page: Page | None = None
) -> Boundary:
    """The application of a service behind its boundary: its routes, and health, readiness and metrics.

    page: makes the answers to refused requests in a form of the service's own; a problem page unless given.
    """
    answer = page or problem_of

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(request: Request) -> Response:
        missing = {**readiness(), **reasons()}
        own = {"missing": missing, "stack": os.environ.get(STACK_INSTANCE)}
        shown = own if policy.is_local or carries_token(request) else {}
        return JSONResponse({"ready": not missing, **shown}, status_code=503 if missing else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        reason = HTTPStatus(error.status_code).name.lower()
        response = answer(request.scope, Refused(reason, error.status_code, error.detail, error.detail))
        response.headers.update(error.headers or {})
        return response

    async def on_client_gone(_: Request, __: Exception) -> Response:
        return Response(status_code=CLIENT_CLOSED)  # nobody reads it

    health = [
        DeclaredRoute("/healthz", healthz, access=Access.OPEN),
        DeclaredRoute("/readyz", readyz, access=Access.OPEN),
        DeclaredRoute("/metrics", metrics, access=Access.LOCAL),
    ]
    inner = Starlette(
        routes=guard([*health, *routes]),
        exception_handlers={HTTPException: on_http_error, ClientDisconnect: on_client_gone},
    )
    inner.router.redirect_slashes = False  # a redirect would name the Host that the request gave
    return Boundary(inner, policy, answer, direct_of(inner.routes))


def problem_of(_: Scope, refused: Refused) -> Response:
    """The boundary's answer as a problem page."""
    return problem(refused.status, refused.title, refused.detail, refused.hint)


async def serve(boundary: Boundary, stop: asyncio.Event) -> None:
    """Serve where the boundary's policy says until `stop` is set. Raises OSError naming the address when the port is taken."""
    policy = boundary.policy
    config = uvicorn.Config(
        boundary,
        host=policy.host,
        port=policy.port,
        http=protocol_of(policy),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # nothing decides on where a request says that it comes from
        timeout_keep_alive=policy.limits.idle_s,  # type: ignore[arg-type]  # given to call_later, which takes parts of a second
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config) if policy.certificates is None else TlsServer(config, policy.certificates)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]  # the service owns the signals
    running = asyncio.create_task(_serve(server, policy.host, policy.port))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    server.should_exit = True
    stopping.cancel()
    await running


class TlsServer(uvicorn.Server):
    """Uvicorn's server behind handshakes that are bounded."""

    def __init__(self, config: uvicorn.Config, certificates: Certificates) -> None:
        super().__init__(config)
        self._certificates = certificates

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. Raises OSError when the port is taken."""
        config = self.config
        family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
        bound = socket.create_server((config.host, config.port), family=family)
        await super().startup(sockets=[])
        self.servers.append(TlsListener(bound, config.backlog, self._certificates, self._protocol))  # type: ignore[arg-type]  # closed, no more

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn does; who has not said good-bye by then is cut, for the loop cannot be closed before its connections are."""
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0)

    def _protocol(self) -> asyncio.Protocol:
        made: asyncio.Protocol = self.config.http_protocol_class(  # type: ignore[call-arg]  # as uvicorn calls it
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        return made


async def _serve(server: uvicorn.Server, host: str, port: int) -> None:
    try:
        await server._serve()  # `serve()` would install signal handlers over the service's own
    except (OSError, SystemExit) as error:
        raise OSError(f"cannot listen on {host}:{port}; is another process using the port? ({error})") from error


def json_bytes(value: object) -> bytes:
    """JSON of a value as bytes, for bodies that are signed or hashed and must not be re-rendered."""
    return json.dumps(value, separators=(",", ":")).encode()
