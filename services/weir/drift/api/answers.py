"""Answers: what a route found or did as JSON, or a problem page that says why not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from weir.drift.core.ports import UnknownStream
from weir.runtime.errors import Retryable
from weir.runtime.http.json_body import BadBody
from weir.runtime.http.server import problem


def answering(
    answer: Callable[[Request], Awaitable[object]], listed_by: str
) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint that answers with what `answer` returns. listed_by: the command that lists what may be named,
    and the path."""

    async def endpoint(request: Request) -> Response:
        try:
            return JSONResponse(await answer(request))
        except BadBody as error:
            return problem(422, error.title, str(error), error.hint)
        except UnknownStream as error:
            return problem(404, "Unknown stream", str(error), listed_by)
        except ValueError as error:
            return problem(422, "Not comparable", str(error), "embed the dataset with the model of the stream")
        except Retryable as error:
            return problem(503, "Not ready", str(error), "try again")

    return endpoint
