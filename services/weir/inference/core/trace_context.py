"""W3C trace context of a call: reading `traceparent`, and the child that goes upstream.

Source: W3C Trace Context Level 1, section 3.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_INVALID_VERSION = "ff"
_VERSION = "00"
SAMPLED = "01"
"""Trace flags of a trace that starts here."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a call stands in its trace."""

    trace_id: str
    """32 lower-case hex digits."""
    parent_span_id: str
    """Span of the caller, 16 lower-case hex digits; empty when the trace starts here."""
    flags: str
    """Trace flags, two hex digits."""

    def traceparent(self, span_id: str) -> str:
        """The header for a callee whose caller is `span_id`."""
        return f"{_VERSION}-{self.trace_id}-{span_id}-{self.flags}"


def read_traceparent(header: str | None) -> TraceContext | None:
    """The context in a `traceparent` header; None when it is missing or invalid, and then a trace starts here."""
    match = _TRACEPARENT.fullmatch(header or "")
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    is_invalid = version == _INVALID_VERSION or (version == _VERSION and rest is not None)
    if is_invalid or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceContext(trace_id, span_id, flags)
