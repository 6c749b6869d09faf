"""SQL for stock clients: ClickHouse's HTTP interface over the published views, on a port of its own.

It answers as the engine's own interface does, so that clickhouse-connect, the JDBC driver, Grafana's data source and curl
need nothing of ours. Behind it are the gate, the limits and the places of `POST /v1/sql`: both share them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from weir.lineage.core.sql_strings import SqlRefused
from weir.lineage.read.core.sql_failure import NETWORK_ERROR, Failure, of_engine, own
from weir.lineage.read.core.sql_formats import CONTENT_TYPES
from weir.lineage.read.core.sql_request import SqlRequest, request_of
from weir.lineage.read.operator_sql import OperatorSql, SqlBusy, Written
from weir.lineage.read.sql_packing import gzipped, in_blocks
from weir.lineage.settings import LineageSettings
from weir.lineage.store.metrics import QUERIES
from weir.lineage.store.store import QueryFailed, StoreAway
from weir.runtime.http.access import Access, DeclaredRoute
from weir.runtime.http.boundary import Boundary, Refused
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application
from weir.runtime.identity import new_id

KEY_HEADER = b"x-clickhouse-key"
"""Header in which stock clients send a password: here the stack's token."""

ARGUMENTS_MAX = 400
"""Arguments of a URL. Chosen: the parameters of the largest statement and every setting that is applied."""

CODES = {401: 516, 413: 36}
"""The engine's code for a refusal at the boundary, by its status; ACCESS_DENIED for any other."""


def sql_listener(sql: OperatorSql, settings: LineageSettings, policy: Policy) -> Boundary:
    """The endpoint behind its boundary. policy: that of the service's API."""
    return application(
        dict,
        replace(policy, port=settings.sql_port, key_header=KEY_HEADER, is_any_body=True),
        routes(sql, settings),
        page_of,
    )


def routes(sql: OperatorSql, settings: LineageSettings) -> list[BaseRoute]:
    """Its routes: `/` asks for the token; `/ping` says one word, as clients ask it before they have shown anything."""
    endpoint = SqlEndpoint(sql, settings)
    return [
        Route("/", endpoint.query, methods=["GET", "POST"]),
        DeclaredRoute("/ping", ping, access=Access.OPEN),
    ]


def page_of(_: Scope, refused: Refused) -> Response:
    """The boundary's answer as a stock client reads it."""
    hint = "send X-ClickHouse-Key, or Basic with the token as password" if refused.status == 401 else refused.hint
    failure = own(CODES.get(refused.status, 497), f"{refused.detail}; {hint}" if hint else refused.detail, "")
    return _failed(failure, {}, refused.status)


async def ping(_: Request) -> Response:
    """GET /ping."""
    return Response("Ok.\n", media_type="text/html; charset=UTF-8")


class SqlEndpoint:
    """Answers statements."""

    def __init__(self, sql: OperatorSql, settings: LineageSettings) -> None:
        self._sql = sql
        self._settings = settings

    async def query(self, request: Request) -> Response:
        """GET or POST /: one statement, its answer in the format that it asks for."""
        QUERIES.labels("sql_http").inc()
        headers = {"x-clickhouse-timezone": "UTC", "x-clickhouse-query-id": str(new_id())}
        try:
            asked = _request(request, await request.body(), self._sql.database)
            headers["x-clickhouse-query-id"] = asked.query_id or headers["x-clickhouse-query-id"]
            if not asked.statement:
                return Response("Ok.\n", media_type="text/html; charset=UTF-8", headers=headers)
            return await self._answer(asked, request.headers.get("accept-encoding", ""), headers)
        except SqlRefused as refused:
            return _failed(own(refused.code, str(refused), self._sql.version), headers)
        except SqlBusy as busy:
            return _failed(own(202, str(busy), self._sql.version), {**headers, "retry-after": "5"})
        except StoreAway as away:
            return _failed(own(NETWORK_ERROR, str(away), self._sql.version), {**headers, "retry-after": "5"})
        except QueryFailed as failed:
            return _failed(of_engine(str(failed), self._sql.version), headers)

    async def _answer(self, asked: SqlRequest, accepted: str, headers: Mapping[str, str]) -> Response:
        if not self._settings.is_sql_open:
            raise SqlRefused("this lineage serves no SQL; set WEIR_LINEAGE_SQL=true")
        is_zipped = asked.is_on("enable_http_compression") and "gzip" in accepted.lower()
        in_frames = asked.is_compressed
        begin = time.monotonic_ns()
        found = await self._sql.write(asked, in_blocks if in_frames else gzipped if is_zipped else bytes)
        given = {
            **headers,
            "content-type": CONTENT_TYPES[found.format],
            "x-clickhouse-format": found.format,
            "x-clickhouse-timezone": found.timezone,
            "x-clickhouse-summary": _summary(found, time.monotonic_ns() - begin),
        }
        if is_zipped:
            given |= {"content-encoding": "gzip", "vary": "accept-encoding"}
        return Response(found.data, headers=given)


def _request(request: Request, body: bytes, database: str) -> SqlRequest:
    if request.headers.get("content-type", "").lower().startswith("multipart/"):
        raise SqlRefused("multipart bodies (external data, form-encoded parameters) are not served; use the URL")
    text = request.scope["query_string"].decode("latin-1")
    try:
        arguments = parse_qsl(text, keep_blank_values=True, max_num_fields=ARGUMENTS_MAX, errors="strict")
    except ValueError as error:  # too many, or no UTF-8
        raise SqlRefused(f"the arguments of the URL cannot be read: {error}") from error
    return request_of(arguments, request.headers, body, database)


def _summary(found: Written, elapsed_ns: int) -> str:
    """What the answer cost, as text each; what the engine does not say is left out."""
    numbers = {
        "read_rows": found.cost.rows_read,
        "read_bytes": found.cost.bytes_read,
        "result_rows": found.cost.rows,
        "result_bytes": len(found.data),
        "elapsed_ns": elapsed_ns,
    }
    return orjson.dumps({name: str(value) for name, value in numbers.items() if value is not None}).decode()


def _failed(failure: Failure, headers: Mapping[str, str], status: int | None = None) -> Response:
    given = {**headers, "x-clickhouse-exception-code": str(failure.code)}
    return Response(failure.text + "\n", status or failure.status, given, "text/plain; charset=UTF-8")
