"""The Confluent-compatible schema API, at the root, as stock clients call it. Avro only, no schema references.

Reads need no token on loopback, and neither does registering what is registered: a schema is no user text. What adds or
changes something does; stock clients send the token as the password of `basic.auth.user.info`.

Nothing can be deleted: an id in a message must mean the same for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from weir.registry.api.requests import BadRequest, json_body
from weir.registry.app.subjects import Registered, Subjects
from weir.registry.core.compatibility import LEVELS
from weir.registry.core.schema_errors import INVALID_LEVEL, INVALID_SCHEMA, SCHEMA_NOT_FOUND, SchemaRefused
from weir.registry.settings import RegistrySettings
from weir.runtime.http.access import Access, DeclaredRoute, carries_token
from weir.runtime.http.boundary import Refused
from weir.runtime.http.server import problem_of
from weir.runtime.telemetry.logs import logger

MEDIA_TYPE = "application/vnd.schemaregistry.v1+json"


class SchemaApi:
    """Handlers of the schema API."""

    def __init__(self, subjects: Subjects, settings: RegistrySettings) -> None:
        self._subjects = subjects
        self._bytes_max = settings.body_bytes_max

    def routes(self) -> list[BaseRoute]:
        """The routes at the root."""
        subject, compatibility = "/subjects/{subject}", "/compatibility/subjects/{subject}/versions"
        return [
            _open("/subjects", self.subjects),
            _open(subject, report_errors(self.find), "POST"),
            _open(subject + "/versions", report_errors(self.versions)),
            _open(subject + "/versions", report_errors(self.register), "POST"),
            _open(subject + "/versions/{version}", report_errors(self.version)),
            _open(subject + "/versions/{version}/schema", report_errors(self.version_text)),
            _open("/schemas/types", self.types),
            _open("/schemas/ids/{id}", report_errors(self.schema)),
            _open("/schemas/ids/{id}/schema", report_errors(self.schema_text)),
            _open("/schemas/ids/{id}/subjects", report_errors(self.schema_subjects)),
            _open("/schemas/ids/{id}/versions", report_errors(self.schema_versions)),
            _open("/config", report_errors(self.level)),
            Route("/config", report_errors(self.set_level), methods=["PUT"]),
            _open("/config/{subject}", report_errors(self.level)),
            Route("/config/{subject}", report_errors(self.set_level), methods=["PUT"]),
            _open(compatibility, report_errors(self.compatibility), "POST"),
            _open(compatibility + "/{version}", report_errors(self.compatibility), "POST"),
            _open("/mode", self.mode),
            _open("/mode/{subject}", self.mode),
            _open("/associations/{rest:path}", self.associations),
        ]

    async def subjects(self, _: Request) -> Response:
        """Every subject."""
        return _json(await run_in_threadpool(self._subjects.subjects))

    async def versions(self, request: Request) -> Response:
        """Version numbers of a subject."""
        return _json(await run_in_threadpool(self._subjects.versions, request.path_params["subject"]))

    async def version(self, request: Request) -> Response:
        """One version of a subject."""
        return _json(_registered(await self._version(request)))

    async def version_text(self, request: Request) -> Response:
        """The bare schema of one version."""
        return PlainTextResponse((await self._version(request)).text, media_type=MEDIA_TYPE)

    async def register(self, request: Request) -> Response:
        """Register a schema under a subject."""
        text = await self._schema_in(request)
        may_add = carries_token(request)
        try:
            found = await run_in_threadpool(
                self._subjects.register, request.path_params["subject"], text, may_add=may_add
            )
        except PermissionError as error:
            raise BadRequest(401, str(error)) from error
        return _json(_registered(found))

    async def find(self, request: Request) -> Response:
        """The version under which a subject has a schema."""
        text = await self._schema_in(request)
        return _json(_registered(await run_in_threadpool(self._subjects.find, request.path_params["subject"], text)))

    async def types(self, _: Request) -> Response:
        """Schema types this registry takes."""
        return _json(["AVRO"])

    async def schema(self, request: Request) -> Response:
        """The schema of an id."""
        return _json({"schema": await self._text(request)})

    async def schema_text(self, request: Request) -> Response:
        """The bare schema of an id."""
        return PlainTextResponse(await self._text(request), media_type=MEDIA_TYPE)

    async def schema_subjects(self, request: Request) -> Response:
        """Subjects that use an id."""
        return _json([subject for subject, _ in await self._uses(request)])

    async def schema_versions(self, request: Request) -> Response:
        """Subjects and versions that use an id."""
        return _json([{"subject": subject, "version": version} for subject, version in await self._uses(request)])

    async def level(self, request: Request) -> Response:
        """The compatibility level of a subject or of all."""
        or_default = request.query_params.get("defaultToGlobal", "").lower() == "true"
        subject = request.path_params.get("subject", "")
        level = await run_in_threadpool(self._subjects.level, subject, or_default=or_default)
        return _json({"compatibilityLevel": level})

    async def set_level(self, request: Request) -> Response:
        """Set the compatibility level of a subject or of all."""
        body = await json_body(request, self._bytes_max)
        if not isinstance(body.get("compatibility"), str):
            said = f"is {str(body['compatibility'])[:40]!r}" if "compatibility" in body else "is missing"
            raise SchemaRefused(INVALID_LEVEL, f"'compatibility' {said}; expected a text, one of: {', '.join(LEVELS)}")
        level, subject = str(body["compatibility"]).upper(), request.path_params.get("subject", "")
        await run_in_threadpool(self._subjects.set_level, subject, level)
        return _json({"compatibility": level})

    async def compatibility(self, request: Request) -> Response:
        """Whether a schema could follow a version, or the versions its subject's level asks about."""
        text = await self._schema_in(request)
        subject, version = request.path_params["subject"], request.path_params.get("version", "")
        messages = await run_in_threadpool(self._subjects.compatibility, subject, text, version)
        return _json({"is_compatible": not messages, "messages": list(messages)})

    async def mode(self, _: Request) -> Response:
        """The mode: always READWRITE."""
        return _json({"mode": "READWRITE"})

    async def associations(self, request: Request) -> Response:
        """Not offered; clients fall back to the topic name strategy on this answer."""
        return _error(404, SCHEMA_NOT_FOUND, f"no associations here: {request.path_params['rest']}")

    async def _schema_in(self, request: Request) -> str:
        body = await json_body(request, self._bytes_max)
        if body.get("schemaType", "AVRO") != "AVRO" or body.get("references"):
            raise SchemaRefused(INVALID_SCHEMA, "only schemaType AVRO without references is supported")
        text = body.get("schema")
        if not isinstance(text, str):
            raise SchemaRefused(INVALID_SCHEMA, "the key 'schema' must hold the schema as text")
        return text

    async def _version(self, request: Request) -> Registered:
        parameters = request.path_params
        return await run_in_threadpool(self._subjects.version, parameters["subject"], parameters["version"])

    async def _text(self, request: Request) -> str:
        return await run_in_threadpool(self._subjects.text, _id(request))

    async def _uses(self, request: Request) -> Sequence[tuple[str, int]]:
        return await run_in_threadpool(self._subjects.uses, _id(request))


def page_of(scope: Scope, refused: Refused) -> Response:
    """The boundary's answer in the form that the path's clients read."""
    if scope["path"].startswith("/v1/"):
        return problem_of(scope, refused)
    return _error(refused.status, refused.status, f"{refused.detail}; {refused.hint}")


def report_errors(endpoint: Any) -> Any:
    """The endpoint with its errors as Confluent's clients expect them."""

    async def answer(request: Request) -> Response:
        try:
            response: Response = await endpoint(request)
        except SchemaRefused as error:
            logger().info("schema_refused", code=error.code, path=request.scope["path"], error=str(error))
            return _error(error.status, error.code, str(error))
        except BadRequest as error:
            return _error(error.status, error.status, f"{error}; {error.hint}" if error.hint else str(error))
        return response

    return answer


def _open(path: str, endpoint: Any, method: str = "GET") -> BaseRoute:
    return DeclaredRoute(path, endpoint, access=Access.LOCAL, methods=[method])


def _registered(found: Registered) -> Mapping[str, object]:
    return {"subject": found.subject, "version": found.version, "id": found.schema_id, "schema": found.text}


def _id(request: Request) -> int:
    text = request.path_params["id"]
    if not text.isascii() or not text.isdigit() or len(text) > 10:
        raise SchemaRefused(SCHEMA_NOT_FOUND, f"schema id is {text!r}; expected a number")
    return int(text)


def _json(value: object) -> Response:
    return JSONResponse(value, media_type=MEDIA_TYPE)


def _error(status: int, code: int, message: str) -> Response:
    return JSONResponse({"error_code": code, "message": message}, status_code=status, media_type=MEDIA_TYPE)
