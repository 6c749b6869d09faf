"""Requests: bodies read under a cap."""

from __future__ import annotations

from starlette.requests import Request

from weir.assets.strict_json import read_json


class BadRequest(Exception):
    """A request that cannot be read. status: HTTP status of the answer."""

    def __init__(self, status: int, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.hint = hint


async def json_body(request: Request, bytes_max: int) -> dict[str, object]:
    """The JSON object in a request's body. Raises BadRequest for one too large, malformed, or no object."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise BadRequest(413, f"the body is larger than {bytes_max} bytes", "send fewer documents at a time")
    try:
        value = read_json(bytes(body))
    except ValueError as error:
        raise BadRequest(400, f"the body is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadRequest(400, f"the body is a JSON {type(value).__name__}; expected an object")
    return value
