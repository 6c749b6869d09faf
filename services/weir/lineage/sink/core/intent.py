"""Intents: the offset range that is about to be inserted, written into the commit's metadata before the insert.

After a crash the range is read back and inserted again under the same token, which names an immutable range. Without it
the batch boundary would move on replay and the token would protect nothing (measured: 17 rows for 10 messages).

The invariant: a range names the topic by the id that the broker gave it, in the metadata and in the token. A topic that is
made anew has another id: its offsets are others, and no token of the old one hides its rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FORM = re.compile(r"(?:intent:(?P<first>\d+)-(?P<last>\d+))?(?: ?topic:(?P<topic>\S+))?")


@dataclass(frozen=True, slots=True)
class Range:
    """Offsets first to last of one partition, both included. topic_id: the topic's identity; empty where it is not known."""

    first: int
    last: int
    topic_id: str = ""

    def as_metadata(self) -> str:
        """Text for the metadata of the commit before the insert."""
        intent = f"intent:{self.first}-{self.last}"
        return f"{intent} {done(self.topic_id)}" if self.topic_id else intent


def intent_of(metadata: str | None, committed: int) -> Range | None:
    """The range that was intended and may or may not be stored; None when there is none to rebuild.

    committed: the committed offset. An intent that does not start there was finished since.
    """
    match = FORM.fullmatch(metadata or "")
    if match is None or match["first"] is None:
        return None
    span = Range(int(match["first"]), int(match["last"]), match["topic"] or "")
    return span if span.first == committed <= span.last else None


def done(topic_id: str) -> str:
    """Text for the metadata of the commit after the insert."""
    return f"topic:{topic_id}" if topic_id else ""


def topic_of(metadata: str | None) -> str:
    """Id of the topic that a committed offset is about; empty where the commit names none."""
    match = FORM.fullmatch(metadata or "")
    return (match["topic"] or "") if match else ""


def token(topic: str, partition: int, span: Range, part: str) -> str:
    """Insert token of a range; part: what of the range, for example the schema id or a bisection."""
    named = f"{topic}-{span.topic_id}" if span.topic_id else topic
    return f"{named}-{partition}-{span.first}-{span.last}-{part}"
