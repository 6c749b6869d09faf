"""Lineage over HTTP: traces, calls, lineage, impact, audit, dead letters and operator SQL. JSON in, JSON out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from weir.lineage.audit import reading
from weir.lineage.audit.core.audit import TIME_MAX_US, Window
from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read import queries
from weir.lineage.read.core.sql_names import VIEWS
from weir.lineage.read.operator_sql import OperatorSql, SqlBusy
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.backlog import Backlog
from weir.lineage.store.counters import Counters
from weir.lineage.store.metrics import QUERIES
from weir.lineage.store.store import QueryFailed, Store, StoreAway
from weir.runtime.clock import now_us
from weir.runtime.http.json_body import BadBody, demand_keys, json_object
from weir.runtime.http.server import problem

Handler = Callable[[Request], Awaitable[Response]]
"""Answers the requests of a route."""

LIMIT_DEFAULT = 50
"""Rows of a list unless the caller asks for another number: about one screen."""

THREADS = 4
"""Questions that wait for the store at once, on threads of their own. Chosen: the look at the disk never waits behind them."""

SQL_BYTES_MAX = 65_536
"""Body of an SQL request at most, bytes: the longest statement (`core.sql_text`) at three bytes a character."""

SQL_KEYS = frozenset({"query"})
"""Keys of an SQL request."""


def routes(
    store: Store,
    counters: Counters,
    sql: OperatorSql,
    settings: LineageSettings,
    stalled: Callable[[], str] = str,
) -> list[Route]:
    """The API's routes. stalled: why nothing is stored any more; empty while something is."""
    api = LineageApi(store, counters, sql, settings, stalled)
    return [
        Route("/v1/traces/{id}", api.found_by_id("trace", queries.trace)),
        Route("/v1/requests/{id}", api.found_by_id("request", queries.request)),
        Route("/v1/requests", api.requests),
        Route("/v1/lineage/{id}", api.found_by_id("request", queries.lineage)),
        Route("/v1/impact/{kind}/{name}", api.impact),
        Route("/v1/audit", api.audit),
        Route("/v1/dead-letters", api.dead_letters),
        Route("/v1/dead-letters/{id}", api.found_by_id("dead letter", queries.dead_letter)),
        Route("/v1/sql", api.sql, methods=["POST"]),
    ]


class LineageApi:
    """Handlers; each one asks the store in a thread, so that the event loop and the inserts go on."""

    def __init__(
        self, store: Store, counters: Counters, sql: OperatorSql, settings: LineageSettings, stalled: Callable[[], str]
    ) -> None:
        self._stalled = stalled
        self._store = store
        self._counters = counters
        self._sql = sql
        self._threads = ThreadPoolExecutor(THREADS, "lineage-api")
        self._settings = settings
        self._backlog = Backlog(settings)

    def found_by_id(self, what: str, ask: Callable[[Store, str], queries.Row | None]) -> Handler:
        """A handler of GET .../{id}: what the store holds under an id, whole. what: its kind, for who asks for another."""

        async def found(request: Request) -> Response:
            name = request.path_params["id"]
            return await self._one(what, name, lambda: ask(self._store, name))

        return found

    async def requests(self, request: Request) -> Response:
        """GET /v1/requests?tenant=&route=&outcome=&session_id=&text=&since_us=&limit=."""
        given = request.query_params
        try:
            since_us, limit = int(given.get("since_us", "0")), int(given.get("limit", str(LIMIT_DEFAULT)))
        except ValueError:
            return problem(400, "Bad parameter", f"since_us and limit must be whole numbers; got {dict(given)}")
        if not 1 <= limit <= queries.LISTED_MAX:
            return problem(400, "Bad parameter", f"limit is {limit}; expected 1 to {queries.LISTED_MAX}")
        return await self._many("requests", lambda: queries.requests(self._store, given, since_us, limit))

    async def impact(self, request: Request) -> Response:
        """GET /v1/impact/{kind}/{name}?digest=&version=."""
        kind, name = request.path_params["kind"], request.path_params["name"]
        given = request.query_params
        digest, version = given.get("digest", ""), given.get("version", "")
        return await self._one(
            "asset", name, lambda: queries.impact(self._store, self._counters, kind, name, digest, version)
        )

    async def audit(self, request: Request) -> Response:
        """GET /v1/audit?since_us=&until_us=: the audit of a window of event time; of all that retention leaves whole."""
        given, whole_us = request.query_params, max(0, now_us() - self._settings.retention.audited_s * 1_000_000)
        try:
            window = Window(int(given.get("since_us", whole_us)), int(given.get("until_us", TIME_MAX_US)))
        except ValueError:
            return problem(400, "Bad parameter", f"since_us and until_us must be whole numbers; got {dict(given)}")
        if not 0 <= window.since_us < window.until_us <= TIME_MAX_US:
            return problem(400, "Bad parameter", f"expected 0 <= since_us < until_us; got {dict(given)}")
        return await self._one(
            "audit",
            "",
            lambda: {
                **reading.audit(self._store, self._backlog, self._settings.group, window).as_json(),
                "stalled": self._stalled(),
            },
        )

    async def dead_letters(self, request: Request) -> Response:
        """GET /v1/dead-letters?topic=&reason=&consumer_group=&limit=."""
        text = request.query_params.get("limit", str(LIMIT_DEFAULT))
        is_number = text.isascii() and text.isdigit() and len(text) <= len(str(queries.LISTED_MAX))
        if not is_number or not 1 <= int(text) <= queries.LISTED_MAX:
            return problem(400, "Bad parameter", f"limit is {text[:40]!r}; expected 1 to {queries.LISTED_MAX}")
        return await self._many(
            "dead_letters", lambda: queries.dead_letters(self._store, request.query_params, int(text))
        )

    async def sql(self, request: Request) -> Response:
        """POST /v1/sql {"query"}: one SELECT over the v_ views, for the operator."""
        if not self._settings.is_sql_open:
            return problem(403, "SQL is closed", "this lineage serves no SQL", "set WEIR_LINEAGE_SQL=true")
        try:
            statement = await _statement_in(request)
        except BadBody as error:
            return problem(400, error.title, str(error), error.hint)
        QUERIES.labels("sql").inc()
        try:
            answer = await self._sql.ask(statement)
        except SqlRefused as refused:
            return problem(
                400, "Statement refused", str(refused), "see docs/sql.md; views: " + ", ".join(sorted(VIEWS))
            )
        except SqlBusy as busy:
            return problem(503, "Busy", str(busy), "try again in some seconds", {"retry-after": "5"})
        except StoreAway as away:
            return _away(away)
        except QueryFailed as failed:
            return problem(400, "Query failed", str(failed))
        return _json(
            {
                "columns": list(answer.columns),
                "rows": [list(row) for row in answer.rows],
                "rows_max": self._settings.query_rows_max,
                "truncated": answer.is_truncated,
            }
        )

    async def _one(self, what: str, name: str, ask: Callable[[], Any]) -> Response:
        found = await self._asked(what, ask)
        if isinstance(found, Response):
            return found
        if found is None:
            return problem(
                404,
                "Not found",
                f"no {what} {name!r} is stored",
                "it may be on its way: traces are queryable within 2 s",
            )
        return _json(found)

    async def _many(self, what: str, ask: Callable[[], list[Any]]) -> Response:
        found = await self._asked(what, ask)
        return found if isinstance(found, Response) else _json({"items": found})

    async def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        QUERIES.labels(what).inc()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except QueryFailed as failed:
            return _away(failed)


def _away(failed: QueryFailed) -> Response:
    return problem(503, "The store did not answer", str(failed), "see `weir logs lineage`")


async def _statement_in(request: Request) -> str:
    """The statement of a request. Raises BadBody for a body that holds anything else."""
    body = await json_object(request, SQL_BYTES_MAX)
    demand_keys(body, SQL_KEYS)
    if not isinstance(statement := body.get("query"), str):
        found = f"a JSON {type(statement).__name__}" if "query" in body else "missing"
        raise BadBody(f"query is {found}; expected a text", "Bad body", 'send {"query": "SELECT ..."}')
    return statement


def _json(value: object) -> Response:
    return Response(orjson.dumps(_clean(value), default=_text), media_type="application/json")


def _clean(value: object) -> object:
    """NaN and infinities are not JSON: null stands for them. Whole numbers beyond 64 bits are text, as no reader keeps them."""
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _clean(item) for key, item in value.items()}
    return [_clean(item) for item in value] if isinstance(value, list | tuple) else value


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
