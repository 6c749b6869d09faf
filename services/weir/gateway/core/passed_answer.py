"""The answer of an OpenAI server on its way to the client: word for word, but for its id and the name of its model.

Invariant (K13): what the server said is passed on as it is, also what OpenAI's API does not have. The id is that of the call,
which feedback takes and every record has; the model is the route that the client asked for. A stream is whole when the server
said so, by [DONE] or by a reason for the end of each answer; one that just stops is cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from weir.access.refusals import Refusal
from weir.events.request_id import PREFIXES
from weir.gateway.core.call import Call
from weir.gateway.core.server_status import error_in

DONE = "[DONE]"
"""The last event of a stream; specified by OpenAI's API."""

WORDS = ("content", "text", "tool_calls", "function_call", "refusal", "reasoning_content", "reasoning")
"""Keys of a piece that the model wrote."""


def readdressed(call: Call, body: Mapping[str, Any]) -> dict[str, Any]:
    """An answer, or a piece of one, as it goes to the client."""
    head = PREFIXES.get(call.operation)
    own = {"model": call.route} if head is None else {"id": f"{head}{call.request_id}", "model": call.route}
    return {**body, **own}


def answer_in(data: bytes, listed: str) -> dict[str, Any]:
    """The body of a whole answer. listed: the key that must hold a list. Raises Refusal for any other bytes."""
    body = _object(data)
    if (error := failure_in(body, listed)) is not None:
        raise Refusal("upstream_error", f"the OpenAI server answered 200 and an error: {error[0]}")
    if not isinstance(body.get(listed), list):
        raise Refusal("upstream_error", f"the OpenAI server answered JSON without a list {listed!r}")
    return body


def failure_in(body: Mapping[str, Any], listed: str) -> tuple[str, str] | None:
    """Message and field of the error in an answer with status 200, or in a piece of one; None where it says none.

    An `error` counts beside the list, too: some servers send the choices along (`finish_reason: "error"`).
    """
    return error_in(body) if listed not in body or body.get("error") is not None else None


class PassedStream:
    """The events of one stream as they come."""

    def __init__(self) -> None:
        self.is_done = False
        """Whether [DONE] came."""
        self._reasons: dict[object, bool] = {}

    @property
    def is_whole(self) -> bool:
        """Whether the server said that this is all."""
        return self.is_done or (bool(self._reasons) and all(self._reasons.values()))

    def take(self, data: str) -> dict[str, Any] | None:
        """The piece in the data of an event; None for the last event. Raises Refusal for what is no piece."""
        if data.strip() == DONE:
            self.is_done = True
            return None
        body = _object(data.encode())
        for choice in choices_of(body):
            index = choice.get("index", 0)
            if isinstance(index, int):
                self._reasons[index] = bool(self._reasons.get(index)) or choice.get("finish_reason") is not None
        return body


def choices_of(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The pieces of answers in an event."""
    listed = body.get("choices")
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def words_bytes(body: Mapping[str, Any]) -> int:
    """UTF-8 bytes of what the model wrote, in a whole answer or a piece; 0 of the first of a chat, which names the role alone."""
    held = [choice.get("message", choice.get("delta", choice)) for choice in choices_of(body)]
    return sum(_bytes_of(one.get(key)) for one in held if isinstance(one, dict) for key in WORDS)


def _bytes_of(value: object) -> int:
    """Bytes of all texts in a value. It was read from JSON within the bounds of a message."""
    if isinstance(value, str):
        return len(value.encode())
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return sum(map(_bytes_of, inner))


def is_usage_alone(body: Mapping[str, Any]) -> bool:
    """Whether an event tells the usage and nothing else."""
    return body.get("choices") == [] and body.get("usage") is not None


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise Refusal("upstream_error", "the OpenAI server's answer is no JSON") from error
    if not isinstance(body, dict):
        raise Refusal("upstream_error", f"the OpenAI server answered a JSON {type(body).__name__}; expected an object")
    return body
