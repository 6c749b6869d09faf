"""Intents: the offset ranges that are about to be inserted together, written into the commits' metadata before the insert.

After a crash the ranges are read again and inserted under the same token, which names them all. Without it the batch boundary
would move on replay and the token would protect nothing (measured: 17 rows for 10 messages). The ranges of a topic's partitions
go into one insert, so each partition's metadata names those of the others too: whoever is given one of the partitions can
read all of them from the log. The broker keeps the commits of one request together.

The invariant: a range names the topic by the id that the broker gave it, in the metadata and in the token. A topic that is
made anew has another id: its offsets are others, and no token of the old one hides its rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from weir.events.log import OffsetRange, TopicPartition

FORM = re.compile(
    r"(?:intent:(?P<first>\d+)-(?P<last>\d+))?(?: ?topic:(?P<topic>\S+))?(?: with:(?P<others>\d+:\d+-\d+(?:,\d+:\d+-\d+)*))?"
)

TOGETHER_MAX = 16
"""Ranges of one insert. The metadata of a commit holds 4,096 bytes, and each range takes up to 60 of them."""

Ranges = tuple[OffsetRange, ...]
"""Ranges of one topic that are inserted together, in the order of their partitions."""


def together(ranges: Iterable[OffsetRange]) -> Iterator[Ranges]:
    """Which of these ranges are inserted together: those of one topic, TOGETHER_MAX at most."""
    by_topic: dict[str, list[OffsetRange]] = {}
    for one in ranges:
        by_topic.setdefault(one.topic, []).append(one)
    for of_topic in by_topic.values():
        of_topic.sort(key=lambda one: one.partition)
        for place in range(0, len(of_topic), TOGETHER_MAX):
            yield tuple(of_topic[place : place + TOGETHER_MAX])


def intent(offsets: OffsetRange, ranges: Sequence[OffsetRange] = ()) -> str:
    """Text for the metadata of the commit before the insert. ranges: all that are inserted together; none: this one alone."""
    others = ",".join(f"{one.partition}:{one.first}-{one.last}" for one in ranges if one.partition != offsets.partition)
    parts = f"intent:{offsets.first}-{offsets.last}", done(offsets.topic_id), f"with:{others}" if others else ""
    return " ".join(part for part in parts if part)


def intent_of(topic_partition: TopicPartition, metadata: str | None, committed: int) -> Ranges:
    """The ranges that were to be inserted and may or may not be stored, this partition's among them; empty when there is
    nothing to do again.

    committed: the committed offset. An intent that does not start there was finished since.
    """
    match = FORM.fullmatch(metadata or "")
    if match is None or match["first"] is None:
        return ()
    topic, topic_id = topic_partition.topic, match["topic"] or ""
    offsets = OffsetRange(*topic_partition, int(match["first"]), int(match["last"]), topic_id)
    if not offsets.first == committed <= offsets.last:
        return ()
    others = [tuple(map(int, re.split("[:-]", one))) for one in (match["others"] or "").split(",") if one]
    ranges = [OffsetRange(topic, partition, first, last, topic_id) for partition, first, last in others]
    return tuple(sorted([offsets, *ranges], key=lambda one: one.partition))


def done(topic_id: str) -> str:
    """Text for the metadata of the commit after the insert."""
    return f"topic:{topic_id}" if topic_id else ""


def topic_of(metadata: str | None) -> str:
    """Id of the topic that a committed offset is about; empty where the commit names none."""
    match = FORM.fullmatch(metadata or "")
    return (match["topic"] or "") if match else ""


def token(ranges: Sequence[OffsetRange], part: str) -> str:
    """Insert token of ranges; part: what of them, for example the schema id or a bisection."""
    topic, topic_id = ranges[0].topic, ranges[0].topic_id
    named = f"{topic}-{topic_id}" if topic_id else topic
    return "-".join([named, *(f"{one.partition}-{one.first}-{one.last}" for one in ranges), part])
