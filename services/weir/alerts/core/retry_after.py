"""Retry-After: what a receiver's header asks for, whatever is written in it.

The rule: every text has a meaning in seconds, from 0 to ASKED_MAX_S; what is neither a number nor a date asks for nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

ASKED_MAX_S = 86_400.0
"""Longest wait a header can ask for, seconds: a day. The policy's longest pause bounds it further."""

CHARS_MAX = 64
"""Characters of a header that are looked at; an HTTP date has 29."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def retry_after_s(text: str, now_us: int) -> float:
    """Seconds that a Retry-After header asks to wait, 0 to ASKED_MAX_S. now_us: wall clock, microseconds since 1970 UTC."""
    if len(text) > CHARS_MAX:
        return 0.0
    if text.isascii() and text.isdigit():
        return min(float(text), ASKED_MAX_S)
    try:
        at = parsedate_to_datetime(text)
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        asked_s = (aware - EPOCH).total_seconds() - now_us / 1_000_000
    except (ValueError, TypeError, IndexError, OverflowError, AttributeError):
        # What Python's reader of dates raises for texts that are none, and for dates that no calendar can carry.
        return 0.0
    return min(max(0.0, asked_s), ASKED_MAX_S)
