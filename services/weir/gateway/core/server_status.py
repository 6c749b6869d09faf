"""What an OpenAI server's refusal means for the caller: whose fault it is, and when to try again.

Invariant: what the caller sent wrong is passed on with the server's own words and the field it names; what the gateway or its
operator did wrong (its key, its name of the model) is an error of the upstream, and no word of the server about it is
repeated, because it may quote the key. `overloaded` and `rate_limited` pass the server's wait on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import orjson

from weir.access.refusals import QUOTED_CHARS_MAX, Refusal, cut

RETRY_AFTER_MAX_S = 86_400
"""Longest wait that is passed on, seconds: a day, as for Triton's."""

SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
"""A wait in seconds, as OpenAI and vLLM write it. A date in its place is not passed on: its clock is another's."""

FAULTS: Mapping[int, str] = {
    400: "invalid_request",
    408: "deadline_exceeded",
    413: "payload_too_large",
    415: "invalid_request",
    422: "invalid_request",
    429: "rate_limited",
    503: "overloaded",
    504: "deadline_exceeded",
    529: "overloaded",
}
"""HTTP status of the server -> word for the caller. Any other is upstream_error."""

OURS: Mapping[int, str] = {
    401: "it refused the gateway's key; its operator must look at the file of servers",
    403: "it refused the gateway's key for this; its operator must look at the file of servers",
    404: "it knows no such model or path; look at the endpoint of the model (weir asset show)",
}
"""Statuses that are not the caller's fault, and what is said in place of the server's words."""


def refusal_of(status: int, body: bytes, retry_after: str, retry_after_ms: str) -> Refusal:
    """The refusal in an answer whose status is not 200. body: its beginning."""
    if status in OURS:
        return Refusal("upstream_error", f"the OpenAI server answered {status}: {OURS[status]}")
    message, field = _said(body)
    return Refusal(
        FAULTS.get(status, "upstream_error"),
        f"the OpenAI server answered {status}: {message}" if message else f"the OpenAI server answered {status}",
        field=field,
        retry_after_s=_wait_s(retry_after, retry_after_ms),
    )


def error_in(value: object) -> tuple[str, str] | None:
    """Message and field of an error object of OpenAI's API or its relatives; None where there is none."""
    if not isinstance(value, dict):
        return None
    error = value.get("error", value if value.get("object") == "error" else value.get("detail"))
    if isinstance(error, dict):
        message, field = error.get("message"), error.get("param")
        text = message if isinstance(message, str) else orjson.dumps(error).decode()
        return text, cut(field, QUOTED_CHARS_MAX) if isinstance(field, str) else ""
    if error is None:
        return None
    return error if isinstance(error, str) else orjson.dumps(error).decode(), ""


def _said(body: bytes) -> tuple[str, str]:
    try:
        found = error_in(orjson.loads(body))
    except orjson.JSONDecodeError:
        found = None
    text, field = found or (body.decode("utf-8", "replace"), "")
    return " ".join(text.split()), field


def _wait_s(retry_after: str, retry_after_ms: str) -> float | None:
    """Seconds that the server asks to wait; None where it does not say so in seconds."""
    for text, unit_s in ((retry_after_ms, 0.001), (retry_after, 1.0)):
        if SECONDS.fullmatch(text.strip()):
            return min(float(text) * unit_s, RETRY_AFTER_MAX_S)
    return None
