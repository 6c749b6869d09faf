"""Every route of every service, asked as a stranger, a foreign page, under another name, and with forms: all refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.routing import BaseRoute, Route

from harness.http.boundary_client import TOKEN, boundary_client
from weir.alerts.api.routes import AlertsApi
from weir.capture.spool_page import routes as drain_routes
from weir.cli.stack.layout import repository
from weir.drift.api.quality import quality_routes
from weir.drift.api.routes import routes as drift_routes
from weir.gateway.api.openai.routes import page_of as openai_page
from weir.gateway.api.openai.routes import routes as gateway_routes
from weir.lineage.read.api import routes as lineage_routes
from weir.lineage.read.sql_http import KEY_HEADER
from weir.lineage.read.sql_http import page_of as sql_page
from weir.lineage.read.sql_http import routes as sql_routes
from weir.lineage.settings import LineageSettings
from weir.otlp.api.http_listener import page_of as otlp_page
from weir.otlp.api.http_listener import routes as otlp_routes
from weir.registry.api.assets import AssetApi
from weir.registry.api.schemas import SchemaApi, page_of
from weir.registry.settings import RegistrySettings
from weir.runtime.http.access import Access, access_of
from weir.runtime.http.boundary import Boundary, Page
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application

NOTHING = cast("Any", None)
"""Stands for what is behind a route: a refused request never gets so far."""

REGISTRY = RegistrySettings()

SERVICES: dict[str, tuple[Sequence[BaseRoute], Page | None]] = {
    "gateway/__main__.py": (
        gateway_routes(cast("Any", SimpleNamespace(upstream=NOTHING, servers=NOTHING, settings=NOTHING))),
        openai_page,
    ),
    "otlp/__main__.py": (otlp_routes(NOTHING), otlp_page),
    "capture/drain_process.py": (drain_routes(NOTHING, NOTHING), None),
    "inference/__main__.py": ((), None),
    "drift/__main__.py": ([*drift_routes(NOTHING, 1), *quality_routes(NOTHING, NOTHING, NOTHING)], None),
    "evaluator/__main__.py": ((), None),
    "lineage/__main__.py": (lineage_routes(NOTHING, NOTHING, NOTHING, LineageSettings()), None),
    "lineage/read/sql_http.py": (sql_routes(NOTHING, LineageSettings()), sql_page),
    "alerts/__main__.py": (AlertsApi(*[NOTHING] * 5).routes(), None),
    "registry/__main__.py": (
        [*AssetApi(NOTHING, REGISTRY).routes(), *SchemaApi(NOTHING, REGISTRY).routes()],
        page_of,
    ),
}
"""Routes of each service, by the file that puts them behind the door."""

OPEN_EVERYWHERE = {"/healthz", "/readyz", "/ping", "/{path:path}"}
"""`/ping` is what ClickHouse's clients ask first. The last says that nothing is served there, in OpenAI's form."""
OPEN_ON_LOOPBACK = {"/metrics"}
SCHEMA_READS = re.compile(r"/(subjects|schemas|config|compatibility|mode|associations)\b.*")

SQL = "lineage/read/sql_http.py"
"""The one door that takes a body of any type, and the token in another header too."""


def policy_of(name: str, host: str = "127.0.0.1") -> Policy:
    is_sql = name == SQL
    hosts = frozenset({"weir.example"})
    return Policy(host=host, token=TOKEN, hosts=hosts, key_header=KEY_HEADER if is_sql else b"", is_any_body=is_sql)


DOORS = {name: application(dict, policy_of(name), routes, page) for name, (routes, page) in SERVICES.items()}

ANY_METHOD = {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"}
"""Methods that a route without a list of its own is walked with."""

EVERY = [
    (name, method, route)
    for name, door in DOORS.items()
    for route in door.routes
    if isinstance(route, Route)
    for method in sorted((route.methods or ANY_METHOD) - {"HEAD", "OPTIONS"})
]
CLOSED = [one for one in EVERY if access_of(one[2]) not in (Access.OPEN, Access.OWN_KEYS)]
"""Routes behind the token. Those of the gateway with keys of their own are walked in its tests."""


def named(walk: Sequence[tuple[str, str, Route]]) -> list[str]:
    return [f"{name.split('/')[0]} {method} {route.path}" for name, method, route in walk]


IDS = named(EVERY)


def path_of(route: Route) -> str:
    return re.sub(r"\{[^}]+\}", "x", route.path)


def test_the_walk_knows_every_application() -> None:
    folder = repository() / "services" / "weir"
    found = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.py")
        if re.search(r"[^_.a-z]application\(", path.read_text()) and path.relative_to(folder).parts[0] != "runtime"
    }

    assert found == set(SERVICES)


def test_what_is_open_is_listed_here_and_nothing_else_is() -> None:
    for name, method, route in EVERY:
        access = access_of(route)
        if access is Access.OPEN:
            assert route.path in OPEN_EVERYWHERE
        elif access is Access.OWN_KEYS:
            assert name in ("gateway/__main__.py", "otlp/__main__.py")
        elif access is Access.LOCAL:
            is_schema_read = name == "registry/__main__.py" and SCHEMA_READS.fullmatch(route.path) and method != "PUT"
            assert route.path in OPEN_ON_LOOPBACK or is_schema_read, f"{name} {method} {route.path}"


@pytest.mark.parametrize(("name", "method", "route"), CLOSED, ids=named(CLOSED))
async def test_a_stranger_is_refused(name: str, method: str, route: Route) -> None:
    beyond = application(dict, policy_of(name, "0.0.0.0"), *SERVICES[name])
    doors = [beyond] if access_of(route) is Access.LOCAL else [beyond, DOORS[name]]
    for door in doors:
        for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, f"Basic {TOKEN}"):
            async with boundary_client(door, authorization=wrong) as client:
                answer = await client.request(method, path_of(route), **_body(method))
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="weir"')


FOREIGN: Sequence[tuple[dict[str, str], int]] = (
    ({"host": "evil.example"}, 421),
    ({"host": "127.0.0.1.evil.example"}, 421),
    ({"host": "localhost@evil.example"}, 421),
    ({"host": "10.0.0.1"}, 421),
    ({"host": ""}, 421),
    ({"origin": "https://evil.example"}, 403),
    ({"origin": "null"}, 403),
    ({"origin": "http://127.0.0.1:3000"}, 403),
    ({"sec-fetch-site": "cross-site"}, 403),
    ({"sec-fetch-site": "same-site"}, 403),
)
"""Headers of a rebound page and of pages of other sites, and what they get."""

FORMS = (
    None,
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "text/plain;application/json",
)
"""What a page can send without asking."""


@pytest.mark.parametrize(("name", "method", "route"), EVERY, ids=IDS)
async def test_a_page_of_another_site_and_another_name_are_refused(name: str, method: str, route: Route) -> None:
    async with boundary_client(DOORS[name]) as client:
        answers = [
            (await client.request(method, path_of(route), headers=headers, **_body(method))).status_code
            for headers, _ in FOREIGN
        ]

    assert answers == [status for _, status in FOREIGN]


@pytest.mark.parametrize(("name", "method", "route"), EVERY, ids=IDS)
async def test_a_form_is_refused(name: str, method: str, route: Route) -> None:
    if name == SQL:
        await _check_form_without_token(method, route)
        return
    async with boundary_client(DOORS[name]) as client:
        for kind in FORMS:
            headers = {} if kind is None else {"content-type": kind}
            body = b'{"version": "1", "author": "a"}'
            answer = await client.request(method, path_of(route), headers=headers, content=body)
            assert answer.status_code == 415, kind


@pytest.mark.parametrize(("name", "method", "route"), EVERY, ids=IDS)
async def test_a_preflight_allows_nothing(name: str, method: str, route: Route) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": method}
    async with boundary_client(DOORS[name], **asked) as client:
        answer = await client.request("OPTIONS", path_of(route))

    assert answer.status_code == 403
    assert not [header for header in answer.headers if header.startswith("access-control")]


async def test_the_token_or_its_basic_form_comes_in_under_a_configured_name() -> None:
    import base64

    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    for authorization in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"Basic {basic}"):
        headers = {"host": "weir.example:443", "origin": "https://weir.example:443", "authorization": authorization}
        async with boundary_client(_one_route(), **headers) as client:
            assert (await client.get("/v1/thing")).status_code == 200


def _one_route() -> Boundary:
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response

    async def thing(_: Request) -> Response:
        return PlainTextResponse("here")

    return application(dict, Policy(token=TOKEN, hosts=frozenset({"weir.example"})), [Route("/v1/thing", thing)])


async def _check_form_without_token(method: str, route: Route) -> None:
    """Where a body may be of any type, what a page can send is refused because no page can send the token."""
    if access_of(route) is not Access.TOKEN:
        return
    async with boundary_client(DOORS[SQL], authorization="") as client:
        for kind in FORMS:
            headers = {} if kind is None else {"content-type": kind}
            answer = await client.request(method, path_of(route), headers=headers, content=b"SELECT 1")
            assert answer.status_code == 401, kind


def _body(method: str) -> dict[str, Any]:
    return {} if method == "GET" else {"json": {}}
