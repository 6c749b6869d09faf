"""The registry's HTTP API: assets under /v1, schemas (see `registry.api.schemas`) at the root.

Every route demands the token: definitions hold prompts, which are user text. Lists are `{"items": [...], "truncated":
bool}`, at most ROWS_MAX rows. Errors are problem pages; a refused apply adds
`errors`, one entry for each problem.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from weir.assets.checks import is_name
from weir.assets.kinds import KINDS
from weir.registry.adapters.assets import ROWS_MAX
from weir.registry.api.requests import BadRequest, json_body
from weir.registry.app.app import NotFound, Registry
from weir.registry.core.plan import Change
from weir.registry.core.problems import CONFLICT, Refused
from weir.registry.settings import RegistrySettings
from weir.runtime.http.server import problem

FOREVER_US = 2**62
"""A time after every change, microseconds."""

TIME_DIGITS_MAX = 19
"""Digits of FOREVER_US; a longer text is refused unread."""

Endpoint = Callable[[Request], Awaitable[Response]]


class AssetApi:
    """Handlers of /v1."""

    def __init__(self, registry: Registry, settings: RegistrySettings) -> None:
        self._registry = registry
        self._settings = settings

    def routes(self) -> list[BaseRoute]:
        """The routes of /v1."""
        asset = "/v1/assets/{kind}/{name}"
        return [
            Route("/v1/apply", report_errors(self.apply), methods=["POST"]),
            Route("/v1/assets", report_errors(self.listing)),
            Route(asset, report_errors(self.asset)),
            Route(asset + "/aliases/{alias}", report_errors(self.move_alias), methods=["PUT"]),
            Route(asset + "/{selector}", report_errors(self.version)),
            Route(asset + "/{selector}/approvals", report_errors(self.approve), methods=["POST"]),
            Route("/v1/diff/{kind}/{name}", report_errors(self.difference)),
            Route("/v1/history", report_errors(self.history)),
        ]

    async def apply(self, request: Request) -> Response:
        """Apply a batch of documents."""
        body = await json_body(request, self._settings.body_bytes_max)
        documents, dry_run = body.get("documents"), body.get("dry_run", False)
        if not isinstance(documents, list) or not 1 <= len(documents) <= self._settings.documents_max:
            raise BadRequest(422, f"'documents' must be a list of 1 to {self._settings.documents_max} documents")
        if not isinstance(dry_run, bool):
            raise BadRequest(422, f"'dry_run' is {dry_run!r}; expected true or false")
        author = _author(body)
        changes = await run_in_threadpool(self._registry.apply, documents, author, dry_run=dry_run)
        return JSONResponse({"items": [_change(one) for one in changes], "dry_run": dry_run})

    async def move_alias(self, request: Request) -> Response:
        """Point an alias to a version."""
        body = await json_body(request, self._settings.body_bytes_max)
        kind, name, alias = _asset(request)[0], _asset(request)[1], request.path_params["alias"]
        version = body.get("version")
        if not isinstance(version, str) or not is_name(version) or not is_name(alias):
            raise BadRequest(422, f"cannot point alias {alias!r} to version {version!r}; both must be names")
        change = await run_in_threadpool(self._registry.move_alias, kind, name, alias, version, _author(body))
        return JSONResponse(_change(change))

    async def approve(self, request: Request) -> Response:
        """Approve a version, by label, alias or digest, as somebody who did not write it."""
        author = _author(await json_body(request, self._settings.body_bytes_max))
        kind, name = _asset(request)
        row = await run_in_threadpool(self._registry.approve, kind, name, request.path_params["selector"], author)
        return JSONResponse({**row.as_record(), "approved_by": author})

    async def listing(self, request: Request) -> Response:
        """Versions and the aliases that point to them, newest first."""
        kind = request.query_params.get("kind", "")
        if kind and kind not in KINDS:
            raise BadRequest(422, f"kind is {kind!r}; expected one of: {', '.join(KINDS)}")
        return _listed(await run_in_threadpool(self._with_aliases, kind, ""))

    async def asset(self, request: Request) -> Response:
        """One asset: its versions, aliases and history."""
        kind, name = _asset(request)
        versions = await run_in_threadpool(self._with_aliases, kind, name)
        if not versions:
            raise NotFound(f"there is no {kind} {name!r}; list all with GET /v1/assets")
        history = await run_in_threadpool(self._registry.history, 0, FOREVER_US, kind, name)
        aliases = {alias: one["version"] for one in versions for alias in one["aliases"]}
        changes = [one.as_record() for one in history[:ROWS_MAX]]
        return JSONResponse(
            {"kind": kind, "name": name, "versions": versions[:ROWS_MAX], "aliases": aliases, "history": changes}
        )

    async def version(self, request: Request) -> Response:
        """One version with its specification, by label, alias or digest."""
        kind, name = _asset(request)
        row, spec = await run_in_threadpool(self._registry.version, kind, name, request.path_params["selector"])
        aliases = await run_in_threadpool(self._registry.aliases, kind, name)
        names = [one.alias for one in aliases if one.version == row.version]
        return JSONResponse({**row.as_record(), "aliases": names, "spec": spec})

    async def difference(self, request: Request) -> Response:
        """How two versions differ, field by field."""
        kind, name = _asset(request)
        before, after = request.query_params.get("from", ""), request.query_params.get("to", "")
        if not before or not after:
            raise BadRequest(422, "both 'from' and 'to' are needed; each is a version, an alias or a digest")
        changes = await run_in_threadpool(self._registry.difference, kind, name, before, after)
        items = [asdict(one) for one in changes]
        return JSONResponse({"kind": kind, "name": name, "from": before, "to": after, "items": items})

    async def history(self, request: Request) -> Response:
        """Changes with from_us <= time < to_us, newest first."""
        from_us, to_us = _time(request, "from_us", 0), _time(request, "to_us", FOREVER_US)
        changes = await run_in_threadpool(self._registry.history, from_us, to_us)
        return _listed([one.as_record() for one in changes])

    def _with_aliases(self, kind: str, name: str) -> list[dict[str, Any]]:
        aliases = self._registry.aliases(kind, name)
        names: dict[tuple[str, str, str], list[str]] = {}
        for one in aliases:
            names.setdefault((one.kind, one.name, one.version), []).append(one.alias)
        rows = self._registry.versions(kind, name)
        return [{**row.as_record(), "aliases": names.get((row.kind, row.name, row.version), [])} for row in rows]


def report_errors(endpoint: Endpoint) -> Endpoint:
    """The endpoint with its errors as problem pages."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except BadRequest as error:
            return problem(error.status, "bad request", str(error), error.hint)
        except NotFound as error:
            return problem(404, "not found", str(error), "weir asset list, or GET /v1/assets")
        except Refused as error:
            return _refused(error)

    return answer


def _refused(error: Refused) -> Response:
    is_conflict = error.reason == CONFLICT
    of_conflict = "give the changed body a new version; an approval is somebody else's"
    hint = of_conflict if is_conflict else "correct the documents and apply again"
    body = {
        "type": "about:blank",
        "title": "conflict" if is_conflict else "invalid definitions",
        "status": 409 if is_conflict else 422,
        "detail": f"nothing was applied; {len(error.problems)} problem(s), the first: {error.problems[0]}",
        "hint": hint,
        "errors": [asdict(one) for one in error.problems],
    }
    return JSONResponse(body, status_code=409 if is_conflict else 422, media_type="application/problem+json")


def _change(change: Change) -> dict[str, str]:
    shown = {key: str(value) for key, value in asdict(change).items() if key != "body_json"}
    return shown if change.alias else {key: shown[key] for key in ("kind", "name", "version", "digest", "change")}


def _listed(rows: Sequence[Any]) -> Response:
    return JSONResponse({"items": list(rows[:ROWS_MAX]), "truncated": len(rows) > ROWS_MAX})


def _asset(request: Request) -> tuple[str, str]:
    kind, name = request.path_params["kind"], request.path_params["name"]
    if kind not in KINDS or not is_name(name):
        raise BadRequest(422, f"{kind!r} {name!r} is no asset; kinds: {', '.join(KINDS)}")
    return kind, name


def _author(body: dict[str, object]) -> str:
    author = body.get("author")
    if not isinstance(author, str) or not 1 <= len(author) <= 128 or not author.isprintable():
        raise BadRequest(422, "'author' must be 1 to 128 printable characters: who makes this change")
    return author


def _time(request: Request, key: str, default: int) -> int:
    text = request.query_params.get(key, str(default))
    is_number = text.isascii() and text.isdigit() and len(text) <= TIME_DIGITS_MAX
    if not is_number or int(text) > FOREVER_US:
        raise BadRequest(422, f"{key} is {text[:40]!r}; expected microseconds since 1970-01-01 UTC")
    return int(text)
