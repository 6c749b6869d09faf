"""The HTTP boundary: every request to every service passes here first. A web page in a browser is a stranger.

Invariant: a route's code runs only for a request that names a host of this service, comes from no other origin, carries
JSON if anything, is within the bounds, and has what its route demands. What is not declared open is closed.

It decides on `scope["path"]` and the headers themselves, never on a URL put together from them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client import Counter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from weir.runtime.http.departure import DEPARTURE, Departure
from weir.runtime.http.policy import Policy

REFUSED = Counter("weir_http_refused_total", "Requests refused at the HTTP boundary, by reason.", ["reason"])

AUTHORITY = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")
"""Host and port as a Host header has them, lower case."""

JSON_TYPE = re.compile(r"application/([a-z0-9.+-]+\+)?json *(;.*)?")
"""Content types that no HTML form can send."""

TRANSFER = b"transfer-encoding"

DECIDING = frozenset(
    b"host origin sec-fetch-site content-type content-encoding content-length authorization".split() + [TRANSFER]
)
"""Headers that decide; twice the same one is ambiguous."""

STAYS = Departure()
"""Of a client without a connection, which asks the application inside its own process."""

OWN_SITES = ("same-origin", "none")
"""What a browser says of a request by the service's own page, or typed by a person."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request does not come in, for a problem page."""

    reason: str
    """A label of few values: host, origin, content_type, body_bytes, token, ambiguous. The same metric counts what
    the protocol refuses before the boundary: the reasons of `protocol.PAGES`, and pipelined."""
    status: int
    title: str
    detail: str
    hint: str = ""


Page = Callable[[Scope, Refused], Response]
"""Makes the answer to a refused request, in the form that the service's clients read."""


class Boundary:
    """The application of a service behind its boundary."""

    def __init__(self, app: Starlette, policy: Policy, page: Page, direct: Mapping[tuple[str, str], ASGIApp]) -> None:
        """direct: what answers a method and path without the application's router and middleware (`access.DirectRoute`)."""
        self._app = app
        self._page = page
        self._direct = direct
        self.policy = policy

    @property
    def routes(self) -> list[BaseRoute]:
        """What is behind it."""
        return self._app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the boundary serves HTTP alone; got {scope['type']!r}")
        refused = refusal(scope["method"], scope["headers"], self.policy)
        if refused is None:
            scope["weir.policy"], scope["weir.page"] = self.policy, self._page
            scope.setdefault(DEPARTURE, STAYS)
            app = self._direct.get((scope["method"], scope["path"]), self._app)
            await app(scope, _bound(receive, self.policy.body_bytes_max), send)
        else:
            await refuse(scope, receive, send, self._page, refused)


async def refuse(scope: Scope, receive: Receive, send: Send, page: Page, refused: Refused) -> None:
    """Answer a refused request."""
    REFUSED.labels(refused.reason).inc()
    response = page(scope, refused)
    if refused.status == 401:
        response.headers["www-authenticate"] = 'Bearer realm="weir"'
    await response(scope, receive, send)


def refusal(method: str, headers: Iterable[tuple[bytes, bytes]], policy: Policy) -> Refused | None:
    """Why a request does not come in whatever its route; None when it may. headers: names in lower case."""
    given: dict[bytes, str] = {}
    for name, value in headers:
        if name in DECIDING or name == policy.key_header:
            if name in given:
                return Refused(
                    "ambiguous", 400, "Ambiguous", f"the header {name.decode()} is there twice", "send it once"
                )
            given[name] = value.decode("latin-1").strip()
    return _of_host(given, policy) or _of_origin(given, policy) or _of_body(method, given, policy)


def _of_host(given: dict[bytes, str], policy: Policy) -> Refused | None:
    host = given.get(b"host", "").lower()
    found = AUTHORITY.fullmatch(host)
    if found and policy.serves(found[1].strip("[]")):
        return None
    hint = "ask for localhost or 127.0.0.1; other names of this service go into WEIR_HTTP_HOSTS"
    return Refused("host", 421, "Misdirected", f"this service is not {host[:100]!r}", hint)


def _of_origin(given: dict[bytes, str], policy: Policy) -> Refused | None:
    site, origin = given.get(b"sec-fetch-site"), given.get(b"origin")
    if site is not None and site.lower() not in OWN_SITES:
        return Refused("origin", 403, "Foreign page", f"a page of another site asks (sec-fetch-site: {site[:100]})")
    if origin is not None and origin.lower() not in _own_origins(given[b"host"].lower(), policy):
        return Refused("origin", 403, "Foreign page", f"a page of {origin[:100]!r} asks; only this service's own may")
    return None


def _own_origins(host: str, policy: Policy) -> tuple[str, ...]:
    """Origins of this service's own pages. A name of WEIR_HTTP_HOSTS may have a proxy with https before it.

    host: a Host header that was let in.
    """
    if policy.certificates is not None:
        return (f"https://{host}",)
    found = AUTHORITY.fullmatch(host)
    is_named = found is not None and found[1].strip("[]") in policy.hosts
    return (f"http://{host}", f"https://{host}") if is_named else (f"http://{host}",)


def _of_body(method: str, given: dict[bytes, str], policy: Policy) -> Refused | None:
    bytes_max = policy.body_bytes_max
    length, encoding = given.get(b"content-length", "0"), given.get(b"content-encoding", "identity")
    has_body = length.strip("0") != "" or TRANSFER in given
    kind, transfer = given.get(b"content-type"), given.get(TRANSFER, "chunked")
    if transfer.lower() != "chunked":
        detail = f"the body is transferred as {transfer[:100]!r}"
        return Refused("content_type", 501, "Not implemented", detail, "send it in chunks alone, or with its length")
    is_asking = method in ("GET", "HEAD")
    is_typed = (has_body and kind is None) or (
        kind is not None and (has_body or not is_asking) and not _is_taken(kind, policy)
    )
    if is_typed and not policy.is_any_body:
        expected = " or ".join(("application/json", *sorted(policy.body_types)))
        detail = f"the content type is {(kind or '')[:100]!r}; expected {expected}"
        return Refused("content_type", 415, "Not JSON", detail, "send content-type: application/json")
    if encoding.lower() != "identity" and encoding.lower() not in policy.encodings:
        detail = f"the body is encoded as {encoding[:100]!r}"
        return Refused(
            "content_type", 415, "Compressed", detail, " or ".join(("send it plain", *sorted(policy.encodings)))
        )
    if has_body and length.isdigit() and int(length[:20]) > bytes_max:
        detail = f"the body has {length[:20]} bytes; at most {bytes_max} are taken"
        return Refused("body_bytes", 413, "Too large", detail, "send less at a time")
    return None


def _is_taken(kind: str, policy: Policy) -> bool:
    return JSON_TYPE.fullmatch(kind.lower()) is not None or kind.lower().partition(";")[0].strip() in policy.body_types


def _bound(receive: Receive, bytes_max: int) -> Receive:
    """`receive` that raises HTTPException(413) once a body without a declared length grows beyond the limit."""
    taken = 0

    async def receive_bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > bytes_max:
            REFUSED.labels("body_bytes").inc()
            raise HTTPException(413, f"the body has over {bytes_max} bytes, the limit")
        return message

    return receive_bounded
