"""W3C trace context: the caller's place in a trace, and ours under it (https://www.w3.org/TR/trace-context/)."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
"""version-trace id-parent id-flags; version ff and all-zero ids are forbidden by the specification."""


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a span stands: its trace, itself, its parent (empty for a root)."""

    trace_id: str
    span_id: str
    parent_span_id: str

    @property
    def traceparent(self) -> str:
        """The header to send on: this span is the parent of what comes next; always sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"


def under(traceparent: str, new_trace_id: str, new_span_id: str) -> TraceContext:
    """A new span under the caller's, or the root of a new trace when the header is missing or not valid."""
    match = TRACEPARENT.fullmatch(traceparent.strip().lower())
    if match is None:
        return TraceContext(new_trace_id, new_span_id, "")
    return TraceContext(match[1], new_span_id, match[2])
