"""Intents: the offset range that is about to be inserted, written into the commit's metadata before the insert.

After a crash the range is read back and inserted again under the same token, which names an immutable range. Without it
the batch boundary would move on replay and the token would protect nothing (measured: 17 rows for 10 messages).

The invariant: a range names the topic by the id that the broker gave it, in the metadata and in the token. A topic that is
made anew has another id: its offsets are others, and no token of the old one hides its rows.
"""

from __future__ import annotations

import re

from weir.events.log import OffsetRange, TopicPartition

FORM = re.compile(r"(?:intent:(?P<first>\d+)-(?P<last>\d+))?(?: ?topic:(?P<topic>\S+))?")


def intent(offsets: OffsetRange) -> str:
    """Text for the metadata of the commit before the insert."""
    return f"intent:{offsets.first}-{offsets.last} {done(offsets.topic_id)}".rstrip()


def intent_of(topic_partition: TopicPartition, metadata: str | None, committed: int) -> OffsetRange | None:
    """The range that was intended and may or may not be stored; None when there is none to rebuild.

    committed: the committed offset. An intent that does not start there was finished since.
    """
    match = FORM.fullmatch(metadata or "")
    if match is None or match["first"] is None:
        return None
    offsets = OffsetRange(*topic_partition, int(match["first"]), int(match["last"]), match["topic"] or "")
    return offsets if offsets.first == committed <= offsets.last else None


def done(topic_id: str) -> str:
    """Text for the metadata of the commit after the insert."""
    return f"topic:{topic_id}" if topic_id else ""


def topic_of(metadata: str | None) -> str:
    """Id of the topic that a committed offset is about; empty where the commit names none."""
    match = FORM.fullmatch(metadata or "")
    return (match["topic"] or "") if match else ""


def token(offsets: OffsetRange, part: str) -> str:
    """Insert token of a range; part: what of the range, for example the schema id or a bisection."""
    named = f"{offsets.topic}-{offsets.topic_id}" if offsets.topic_id else offsets.topic
    return f"{named}-{offsets.partition}-{offsets.first}-{offsets.last}-{part}"
