"""Intents: the offset range that is about to be inserted, written into the commit's metadata before the insert.

After a crash the range is read back and inserted again under the same token, which names an immutable range. Without it
the batch boundary would move on replay and the token would protect nothing (measured: 17 rows for 10 messages).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORM = re.compile(r"intent:(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets first to last of one partition, both included."""

    first: int
    last: int

    def as_metadata(self) -> str:
        """Text for the commit's metadata."""
        return f"intent:{self.first}-{self.last}"


def intent_of(metadata: str | None, committed: int) -> Range | None:
    """The range that was intended and may or may not be stored; None when there is none to rebuild.

    committed: the committed offset. An intent that does not start there was finished since.
    """
    match = FORM.fullmatch(metadata or "")
    if match is None or int(match[1]) != committed or int(match[2]) < committed:
        return None
    return Range(int(match[1]), int(match[2]))


def token(topic: str, partition: int, span: Range, part: str) -> str:
    """Insert token of a range; part: what of the range, for example the schema id or a bisection."""
    return f"{topic}-{partition}-{span.first}-{span.last}-{part}"
