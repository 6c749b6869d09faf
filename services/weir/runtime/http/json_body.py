"""The JSON object of a request: read within a bound, held to the rules of `weir.assets.strict_json`.

Invariant: what a reader gets has one meaning (no key twice), can be stored (no half of a surrogate pair, no number beyond
64 bits) and was not deep enough to end the reading. A reader names the keys that it knows; any other is refused by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from starlette.requests import Request

from weir.assets.strict_json import SHOWN_CHARS, read_json


class BadBody(Exception):
    """A body that cannot be used: what is wrong with it, a title for the problem page, and what to do."""

    def __init__(self, detail: str, title: str = "Bad request", hint: str = "") -> None:
        super().__init__(detail)
        self.title = title
        self.hint = hint


class LongBody(BadBody):
    """A body over its bound; nothing of it was read as JSON."""


async def json_object(request: Request, bytes_max: int) -> dict[str, object]:
    """The JSON object in the body of a request. Raises LongBody over `bytes_max`, BadBody for anything else."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > bytes_max:
            raise LongBody(f"the body is larger than {bytes_max} bytes", "Too large", "send less")
    try:
        value = read_json(bytes(content))
    except ValueError as error:
        raise BadBody(f"the body is no JSON: {error}", "Not JSON", "send a JSON object") from error
    if not isinstance(value, dict):
        raise BadBody(f"the body is a JSON {type(value).__name__}; expected an object", "Not an object", "send {...}")
    return value


def demand_keys(body: Mapping[str, object], known: AbstractSet[str]) -> None:
    """Raises BadBody for a body with a key that is not `known`."""
    if unknown := sorted(body.keys() - known):
        accepted = f"accepted keys: {', '.join(sorted(known))}"
        raise BadBody(f"unknown key {unknown[0][:SHOWN_CHARS]!r}; {accepted}", "Unknown key", accepted)
