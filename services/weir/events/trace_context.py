"""W3C trace context of a call: reading `traceparent` and `tracestate`, and writing those that go on to a callee.

Invariant (K13): what the caller said about its trace goes on as it was said, or the trace starts anew; it is never changed.
Source: W3C Trace Context Level 2, sections 3.2 (traceparent) and 3.3 (tracestate).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SAMPLED_BIT, RANDOM_BIT = 0b01, 0b10
"""The trace flags that Level 2 knows (section 3.2.2.5): the caller may have recorded the trace; its id is random. Both go on as
they came. The other bits are sent on as zero, as the specification asks."""

SAMPLED = "01"
"""Trace flags of a trace that begins here. That its id is random is not said: readers of Level 1 refuse what they do not know."""

STATE_CHARS_MAX = 512
"""Characters of a tracestate that every hop should be able to send on (section 3.3.1.5)."""

STATE_MEMBERS_MAX = 32
"""Members of a tracestate (section 3.3.1.1); one with more is not valid."""

LONG_MEMBER_CHARS = 128
"""Members longer than this are the first to go when a tracestate is too long (section 3.3.1.5)."""

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_\-*/@]{0,255})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
_INVALID_VERSION = "ff"
_VERSION = "00"


@dataclass(frozen=True, slots=True)
class TraceContext:
    """Where a call stands in its trace."""

    trace_id: str
    """32 lower-case hex digits."""
    parent_span_id: str
    """Span of the caller, 16 lower-case hex digits; empty when the trace starts here."""
    flags: str
    """The known trace flags as the caller set them, 2 lower-case hex digits."""
    state: str = ""
    """The caller's tracestate as it goes on; empty when there was none or it was not valid."""

    def below(self, span_id: str) -> TraceContext:
        """The context of what is done under `span_id`, a span of this trace: flags and state stay."""
        return TraceContext(self.trace_id, span_id, self.flags, self.state)

    @property
    def traceparent(self) -> str:
        """The header that says this context, for what is done under `parent_span_id`."""
        return f"{_VERSION}-{self.trace_id}-{self.parent_span_id}-{self.flags}"

    @property
    def is_sampled(self) -> bool:
        """Whether the caller asked that this trace is recorded."""
        return bool(int(self.flags, 16) & SAMPLED_BIT)

    def headers(self, span_id: str) -> list[tuple[str, str]]:
        """The headers for a callee whose caller is `span_id`."""
        return trace_headers(self.trace_id, span_id, self.flags, self.state)


def trace_headers(trace_id: str, span_id: str, flags: str, state: str) -> list[tuple[str, str]]:
    """`traceparent`, and `tracestate` where there is one."""
    parent = ("traceparent", f"{_VERSION}-{trace_id}-{span_id}-{flags}")
    return [parent, ("tracestate", state)] if state else [parent]


def read_trace(traceparent: str, tracestate: str) -> TraceContext | None:
    """The caller's context; None when its traceparent is missing or not valid, and then a trace starts here.

    Several headers of one name arrive joined by commas: two traceparents are not valid, two tracestates are one.
    """
    match = _TRACEPARENT.fullmatch(traceparent.strip(" \t"))
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    is_invalid = version == _INVALID_VERSION or (version == _VERSION and rest is not None)
    if is_invalid or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    known = int(flags, 16) & (SAMPLED_BIT | RANDOM_BIT)
    return TraceContext(trace_id, span_id, f"{known:02x}", _state(tracestate))


def read_traces(traceparents: Sequence[str], tracestates: Sequence[str], count: int) -> list[TraceContext | None]:
    """The contexts of `count` things in order; None for those that none is kept of, or none that is valid."""
    return [
        read_trace(traceparents[index], tracestates[index] if index < len(tracestates) else "")
        if index < len(traceparents)
        else None
        for index in range(count)
    ]


def _state(header: str) -> str:
    """The tracestate as it goes on; empty for one that is not valid, which a hop may drop whole."""
    if not header:
        return ""
    members = [member for part in header.split(",") if (member := part.strip(" \t"))]
    matches = [_MEMBER.fullmatch(member) for member in members]
    keys = {match[1] for match in matches if match is not None}
    if len(members) > STATE_MEMBERS_MAX or len(keys) != len(members):
        return ""
    return ",".join(_shorten(members))


def _shorten(members: list[str]) -> list[str]:
    """The members that fit into STATE_CHARS_MAX: long ones go first, then the oldest, which stand last."""
    kept = list(members)
    if len(",".join(kept)) > STATE_CHARS_MAX:
        kept = [member for member in kept if len(member) <= LONG_MEMBER_CHARS]
    while len(",".join(kept)) > STATE_CHARS_MAX:
        kept.pop()
    return kept
