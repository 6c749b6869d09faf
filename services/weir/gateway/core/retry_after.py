"""retry-after-ms: when the model server says to try again, whatever is written in its trailer.

The rule: every text has a meaning in milliseconds, from 0 to ASKED_MAX_MS, or asks for nothing.
"""

from __future__ import annotations

ASKED_MAX_MS = 86_400_000
"""Longest wait that is told on, milliseconds: a day, as for the receivers of alerts."""

CHARS_MAX = 64
"""Characters of a trailer that are looked at; a day has 8 digits."""


def retry_after_ms(text: str) -> int | None:
    """Milliseconds that a trailer asks to wait, 0 to ASKED_MAX_MS; None for a text that is no whole number."""
    if len(text) > CHARS_MAX or not (text.isascii() and text.isdigit()):
        return None
    return min(int(text), ASKED_MAX_MS)
