"""Why the gateway refuses a call, once, for both of its doors.

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
    "rate_limited": (8, 429),
    "overloaded": (8, 503),
    "deadline_exceeded": (4, 504),
    "upstream_unavailable": (14, 503),
    "upstream_error": (13, 502),
    "capture_full": (8, 503),
    "cancelled": (1, 499),
}
"""Stable word -> (gRPC status code number, HTTP status)."""

BY_STATUS: Mapping[int, str] = {
    1: "cancelled",
    3: "invalid_request",
    4: "deadline_exceeded",
    5: "model_not_found",
    7: "permission_denied",
    8: "overloaded",
    14: "upstream_unavailable",
    16: "unauthenticated",
}
"""Word for a gRPC status that came from upstream; others are upstream_error."""


class Refusal(Exception):
    """A call the gateway does not send upstream. The message says what happened, the value, and what to do."""

    def __init__(self, error_type: str, message: str, *, retry_after_s: float | None = None, field: str = "") -> None:
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
