"""Reading what went to and came from an OpenAI server: the texts and facts of a call's event. The counterpart of `wire`.

Used by the drain, never on the path of a call. Total: bytes that are no such message give empty texts and unknown facts,
because a server may send anything and its call is an event all the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson

from weir.events.loose_json import carried
from weir.gateway.core.answer import ModelAnswer
from weir.gateway.core.passed_request import NO_PARAMETERS
from weir.gateway.core.wire import COUNT_MAX, RequestFacts

CHOICES_MAX = 128
"""Answers of one call that are read: as many as a caller may ask for (`passed_request.ANSWERS_MAX`)."""

CALLS_MAX = 128
"""Tool calls of one answer that are read. OpenAI's limit of the tools of a request."""


def read_passed_request(wire: bytes) -> RequestFacts:
    """Texts and parameters of a body as it was sent. A conversation is the JSON of its messages: nothing of it is lost."""
    body = _object(wire)
    parameters = carried({name: value for name, value in body.items() if name not in NO_PARAMETERS})
    assert isinstance(parameters, dict), "an object is carried as one"
    text = (
        orjson.dumps(body["messages"]).decode() if "messages" in body else _lines(body.get("prompt", body.get("input")))
    )
    return RequestFacts(text, parameters, json.dumps(parameters, sort_keys=True) if parameters else "{}")


def read_passed_answer(responses: Sequence[bytes], *, is_stream: bool) -> ModelAnswer:
    """The answer in a whole body, or in the events of a stream."""
    bodies = [_object(one) for one in responses]
    choices = _choices(bodies)
    given, made = _last_counts(bodies)
    reasons = [reason for one in choices.values() for reason in one.reasons]
    return ModelAnswer(
        "\n".join("".join(one.texts) for one in choices.values()),
        reasons[0] if reasons else "",
        given,
        made,
        (),
        "",
        "",
        _json_of([call for one in choices.values() for call in one.calls()]),
        next((name for body in bodies if isinstance(name := body.get("model"), str)), ""),
    )


class _Choice:
    """One answer of a call, its pieces in order."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.reasons: list[str] = []
        self._calls: dict[int, dict[str, Any]] = {}

    def take(self, choice: Mapping[str, Any]) -> None:
        message = choice.get("message", choice.get("delta"))
        said = message if isinstance(message, dict) else {}
        for text in (said.get("content"), said.get("refusal"), choice.get("text")):
            if isinstance(text, str):
                self.texts.append(text)
        self._take_calls(said)
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason:
            self.reasons.append(reason)

    def calls(self) -> list[dict[str, Any]]:
        """Its tool calls, whole."""
        return list(self._calls.values())

    def _take_calls(self, said: Mapping[str, Any]) -> None:
        """Calls, or pieces of them: those of a stream carry their index, and only the first piece the id and the name."""
        listed = said.get("tool_calls")
        for place, call in enumerate(listed[:CALLS_MAX] if isinstance(listed, list) else ()):
            if isinstance(call, dict):
                index = call.get("index", place)
                self._add(index if type(index) is int and 0 <= index < CALLS_MAX else place, call)
        if isinstance(said.get("function_call"), dict):
            self._add(0, {"type": "function", "function": said["function_call"]})

    def _add(self, index: int, piece: Mapping[str, Any]) -> None:
        held = self._calls.setdefault(index, {})
        function, more = held.get("function"), piece.get("function")
        held.update(
            {name: value for name, value in piece.items() if name not in ("index", "function") and value is not None}
        )
        if isinstance(more, dict):
            before = function if isinstance(function, dict) else {}
            arguments = [text for one in (before, more) if isinstance(text := one.get("arguments"), str)]
            named = {name: value for name, value in more.items() if value is not None}
            held["function"] = {**before, **named, **({"arguments": "".join(arguments)} if arguments else {})}


def _choices(bodies: Iterable[Mapping[str, Any]]) -> Mapping[int, _Choice]:
    """The answers by their index."""
    found: dict[int, _Choice] = {}
    for body in bodies:
        listed = body.get("choices")
        for choice in listed[:CHOICES_MAX] if isinstance(listed, list) else ():
            index = choice.get("index", 0) if isinstance(choice, dict) else None
            if type(index) is int and 0 <= index < CHOICES_MAX:
                found.setdefault(index, _Choice()).take(choice)
    return dict(sorted(found.items()))


def _last_counts(bodies: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None]:
    """Tokens asked and answered, as the server counted them last; None for what it did not say."""
    for body in reversed(bodies):
        usage = body.get("usage")
        if isinstance(usage, dict):
            return _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    return None, None


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= COUNT_MAX else None


def _json_of(calls: list[dict[str, Any]]) -> str:
    """Calls as JSON that an event can carry."""
    return orjson.dumps(carried(calls)).decode() if calls else "[]"


def _lines(value: object) -> str:
    items = value if isinstance(value, list) else [value]
    return "\n".join(one for one in items if isinstance(one, str))


def _object(data: bytes) -> Mapping[str, Any]:
    try:
        value = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return value if isinstance(value, dict) else {}
