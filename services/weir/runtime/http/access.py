"""Who may ask for a route: declared with the route, and closed where nothing is declared.

A plain Starlette `Route` demands the token. `DeclaredRoute` names another demand; write the reason beside it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import StrEnum

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from weir.runtime.http.boundary import Refused, refuse
from weir.runtime.http.policy import Policy


class Access(StrEnum):
    """What a route demands of a request that came through the boundary."""

    TOKEN = "token"
    """The service's token. The default: every write, and every read of user text."""
    LOCAL = "local"
    """Nothing on a loopback address, else the token: what is open is no user text."""
    OPEN = "open"
    """Nothing anywhere: it says one word."""
    OWN_KEYS = "own_keys"
    """The route's own code authenticates (the gateway's API keys)."""


class DeclaredRoute(Route):
    """A route that says who may ask."""

    def __init__(
        self,
        path: str,
        endpoint: Callable[[Request], Awaitable[Response]],
        *,
        access: Access,
        methods: Sequence[str] = ("GET",),
    ) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.access = access


class DirectRoute(DeclaredRoute):
    """A route whose endpoint is an ASGI application that answers every error itself, on a path without parameters.

    It is found by its path alone: Starlette's router and middleware cost a tenth of a call through the gateway.
    """

    def __init__(self, path: str, endpoint: ASGIApp, *, access: Access, methods: Sequence[str]) -> None:
        Route.__init__(self, path, endpoint, methods=list(methods))
        self.access = access
        self.app = endpoint  # Route takes a method for a function of a request


def direct_of(routes: Sequence[BaseRoute]) -> Mapping[tuple[str, str], ASGIApp]:
    """What answers the direct routes, by method and path."""
    found = [route for route in routes if isinstance(route, DirectRoute)]
    return {(method, route.path): route.app for route in found for method in route.methods or ()}


def access_of(route: BaseRoute) -> Access:
    """What a route demands."""
    return route.access if isinstance(route, DeclaredRoute) else Access.TOKEN


def carries_token(request: Request) -> bool:
    """Whether a request shows the service's token, for a route that is open for a part of what it does."""
    policy: Policy = request.scope["weir.policy"]
    return policy.lets_in(request.headers.raw)


def guard(routes: Sequence[BaseRoute]) -> Sequence[BaseRoute]:
    """The routes, each with its demand before it. Raises TypeError for a kind of route that the boundary does not know."""
    for route in routes:
        if not isinstance(route, Route):
            raise TypeError(f"{route!r} is a {type(route).__name__}; only Route and DeclaredRoute have a demand")
        route.app = _Guard(route.app, access_of(route))
    return routes


class _Guard:
    """Lets in who has what the route demands."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy: Policy = scope["weir.policy"]
        is_open = self._access in (Access.OPEN, Access.OWN_KEYS) or (self._access is Access.LOCAL and policy.is_local)
        if is_open or policy.lets_in(scope["headers"]):
            await self._app(scope, receive, send)
        else:
            await refuse(scope, receive, send, scope["weir.page"], _denied(policy))


def _denied(policy: Policy) -> Refused:
    if not policy.token:
        hint = "start the service with WEIR_HTTP_TOKEN_FILE (weir up makes one)"
        return Refused("token", 401, "Closed", "this service was started without a token; this route needs one", hint)
    hint = "send 'authorization: Bearer <token>'; weir up keeps it in .weir/secrets/http.token"
    return Refused("token", 401, "Unauthorized", "this request needs the service's token", hint)
