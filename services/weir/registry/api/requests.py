"""Requests: bodies read under a cap."""

from __future__ import annotations

from starlette.requests import Request

from weir.runtime.http.json_body import BadBody, LongBody, json_object


class BadRequest(Exception):
    """A request that cannot be read. status: HTTP status of the answer."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint


async def json_body(request: Request, bytes_max: int) -> dict[str, object]:
    """The JSON object in a request's body. Raises BadRequest for one too large, malformed, or no object."""
    try:
        return await json_object(request, bytes_max)
    except LongBody as error:
        raise BadRequest(413, str(error), "send fewer documents at a time") from error
    except BadBody as error:
        raise BadRequest(400, str(error), error.hint) from error
