"""API bodies: the JSON objects that writes carry, read and checked in one place."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from weir.alerts.core.matcher import InvalidMatcher, Matcher, matcher_from
from weir.alerts.core.silence import DURATION_MAX_S, MATCHERS_MAX, TEXT_CHARS_MAX, InvalidSilence, Silence, check
from weir.runtime.http.json_body import BadBody, demand_keys, json_object

BODY_BYTES_MAX = 65_536
"""Bytes of one body; a silence with every matcher at its longest fits."""


async def object_of(request: Request) -> dict[str, object]:
    """The JSON object in a body. Raises BadBody."""
    return await json_object(request, BODY_BYTES_MAX)


def silence_of(body: Mapping[str, object], silence_id: str, now_us: int) -> Silence:
    """The silence that a body asks for: matchers, owner, comment, and duration_s or ends_at_us; starts_at_us where it does
    not start now. Raises BadBody."""
    demand_keys(body, {"matchers", "owner", "comment", "starts_at_us", "ends_at_us", "duration_s"})
    starts_us = _whole(body, "starts_at_us") if "starts_at_us" in body else now_us
    silence = Silence(
        id=silence_id,
        matchers=_matchers(body.get("matchers")),
        starts_at_us=starts_us,
        ends_at_us=_end_us(body, starts_us),
        owner=text_of(body, "owner"),
        comment=text_of(body, "comment"),
        created_us=now_us,
    )
    try:
        check(silence, now_us)
    except InvalidSilence as error:
        raise BadBody(f"the silence cannot be kept: {error}") from error
    return silence


def tested_of(body: Mapping[str, object]) -> tuple[str, str]:
    """Which one is to be tested: `receiver` or `rule`, and its name. Raises BadBody."""
    demand_keys(body, {"receiver", "rule"})
    if len(body) != 1:
        raise BadBody("expected exactly one of receiver and rule")
    (kind,) = body
    return kind, text_of(body, kind)


def author_of(body: Mapping[str, object]) -> str:
    """Who asks for it. Raises BadBody."""
    demand_keys(body, {"author"})
    return text_of(body, "author")


def text_of(body: Mapping[str, object], key: str) -> str:
    """A text that must be there. Raises BadBody."""
    value = body.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > TEXT_CHARS_MAX:
        raise BadBody(f"{key} is {str(value)[:100]!r}; expected a text of 1 to {TEXT_CHARS_MAX} characters")
    return value


def _whole(body: Mapping[str, object], key: str) -> int:
    value = body.get(key)
    if type(value) is not int:
        raise BadBody(f"{key} is {value!r}; expected whole microseconds since 1970-01-01 UTC")
    return value


def _end_us(body: Mapping[str, object], starts_us: int) -> int:
    if ("ends_at_us" in body) == ("duration_s" in body):
        raise BadBody("expected exactly one of ends_at_us and duration_s")
    if "ends_at_us" in body:
        return _whole(body, "ends_at_us")
    value = body["duration_s"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= DURATION_MAX_S:
        raise BadBody(f"duration_s is {value!r}; expected a number of seconds up to {DURATION_MAX_S}")
    return starts_us + round(value * 1_000_000)


def _matchers(value: object) -> tuple[Matcher, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > MATCHERS_MAX:
        raise BadBody(f"matchers must be a list of at most {MATCHERS_MAX} texts such as alertname=drift-page")
    try:
        return tuple(matcher_from(text) for text in value)
    except InvalidMatcher as error:
        raise BadBody(str(error)) from error
