"""Derived ids: the same cause gives the same id, so a replay writes the same events.

Root ids (a call, a boot) are made at the edge by `weir.runtime.identity`, where there is a clock.
"""

from __future__ import annotations

import hashlib
import re

UUID_TEXT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
TIME_CHARS = 13
"""Leading characters of a UUIDv7 that hold its time in milliseconds: 12 hex digits and a hyphen (RFC 9562, section 5.7)."""


def derived_id(cause_id: str, role: str) -> str:
    """A UUIDv7 derived from the id of its cause and a role word.

    It keeps the cause's time, so it sorts beside it, and replaces the random bits by SHA-256 of (cause, role).
    cause_id: UUIDv7 text. Raises ValueError for anything else.
    """
    if not UUID_TEXT.fullmatch(cause_id):
        raise ValueError(f"cause id {cause_id!r} is no lower-case UUID text; derive ids from event ids only")
    return _uuid7_text(cause_id[:TIME_CHARS], f"{cause_id}\n{role}")


def derived_span_id(cause_id: str, role: str) -> str:
    """A W3C span id, 16 hex digits, derived from the id of the span's cause and a role word: a replay gives the same."""
    return hashlib.sha256(f"{cause_id}\n{role}".encode()).hexdigest()[:16]


def named_id(time_us: int, name: str) -> str:
    """A UUIDv7 for a fact that is named rather than caused by an event, such as topic/partition/offset.

    time_us: time of the fact, microseconds since 1970-01-01 UTC, at least 0.
    """
    time_digits = f"{time_us // 1_000:012x}"
    return _uuid7_text(f"{time_digits[:8]}-{time_digits[8:]}", name)


def _uuid7_text(time_part: str, name: str) -> str:
    noise = hashlib.sha256(name.encode()).hexdigest()
    variant = "89ab"[int(noise[3], 16) % 4]
    return f"{time_part}-7{noise[:3]}-{variant}{noise[4:7]}-{noise[7:19]}"
