"""Why a service refuses a call, once, for all listeners that ask for API keys.

Refusal(error_type, message)   -> gRPC status and HTTP status by REFUSALS
"""

from __future__ import annotations

from collections.abc import Mapping

REFUSALS: Mapping[str, tuple[int, int]] = {
    "model_not_found": (5, 404),
    "prompt_not_found": (5, 404),
    "request_not_found": (5, 404),
    "not_served": (12, 404),
    "unauthenticated": (16, 401),
    "permission_denied": (7, 403),
    "invalid_request": (3, 400),
    "payload_too_large": (8, 413),
    "request_timeout": (4, 408),
    "rate_limited": (8, 429),
    "overloaded": (8, 503),
    "deadline_exceeded": (4, 504),
    "upstream_unavailable": (14, 503),
    "catalog_unknown": (14, 503),
    "upstream_error": (13, 502),
    "capture_full": (8, 503),
    "internal_error": (13, 500),
    "cancelled": (1, 499),
}
"""Stable word -> (gRPC status code number, HTTP status)."""

BY_STATUS: Mapping[int, str] = {
    3: "invalid_request",
    4: "deadline_exceeded",
    5: "model_not_found",
    7: "permission_denied",
    8: "overloaded",
    14: "upstream_unavailable",
    16: "unauthenticated",
}
"""Word for a gRPC status that came from upstream; others are upstream_error, also CANCELLED: our client is still there."""

MESSAGE_CHARS_MAX = 512
"""Characters of an error's message. Chosen: as a gRPC trailer, three bytes for each of four, it stays below the 8 KB that
clients take."""

NAME_CHARS_MAX = 256
"""Longest name (model, route, prompt) that is looked up, and longest message id; events keep 256 characters of them. Twice the
longest name that the registry stores."""

QUOTED_CHARS_MAX = 64
"""Characters quoted of a value in an error's message. Chosen: enough to know it again."""


def cut(text: str, chars_max: int = QUOTED_CHARS_MAX) -> str:
    """The text, or its beginning and how long it is. Nobody's input is echoed at length."""
    return text if len(text) <= chars_max else f"{text[:chars_max]}... ({len(text):,} characters)"


def checked_name(name: str, error_type: str) -> str:
    """The name. Raises Refusal for one that is too long to be anybody's, before anything is looked up or quoted."""
    if len(name) > NAME_CHARS_MAX:
        raise Refusal(
            error_type, f"a name has at most {NAME_CHARS_MAX} characters; {cut(name)!r} is nobody's", field="model"
        )
    return name


class Refusal(Exception):
    """A call that the service does not take. The message says what happened, the value, and what to do.

    It is cut at MESSAGE_CHARS_MAX, because it may quote what a stranger sent.
    """

    def __init__(self, error_type: str, message: str, *, retry_after_s: float | None = None, field: str = "") -> None:
        message = cut(message, MESSAGE_CHARS_MAX)
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.retry_after_s = retry_after_s
        self.field = field
        """Name of the request field that is wrong; empty when none is."""

    @property
    def status_code(self) -> int:
        """gRPC status code number."""
        return REFUSALS[self.error_type][0]

    @property
    def http_status(self) -> int:
        """HTTP status."""
        return REFUSALS[self.error_type][1]


def error_type_of(status_code: int) -> str:
    """Stable word for an upstream gRPC status; empty for OK."""
    return "" if status_code == 0 else BY_STATUS.get(status_code, "upstream_error")
