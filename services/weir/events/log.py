"""The nouns of the log: who numbers events, a partition of a topic, a range of offsets, a message as the broker holds it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes], ...]
"""Headers of a message, in order."""


class ProducerEpoch(NamedTuple):
    """One start of a producer, in which its events are numbered from 0 without gaps. boot_epoch: when it was, microseconds."""

    source: str
    boot_epoch: int


class TopicPartition(NamedTuple):
    """A partition of a topic. A tuple: it unpacks, and is a quick key."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"


@dataclass(frozen=True, slots=True)
class OffsetRange:
    """Offsets `first` to `last` of a partition, both included; no offset where `last` is below `first`."""

    topic: str
    partition: int
    first: int
    last: int
    topic_id: str = ""
    """The id that the broker gave the topic; empty where it is not known. A topic made anew has another id."""

    @property
    def topic_partition(self) -> TopicPartition:
        """Where the offsets stand."""
        return TopicPartition(self.topic, self.partition)

    @property
    def end(self) -> int:
        """The offset after the last."""
        return self.last + 1

    @property
    def count(self) -> int:
        """Offsets in the range; a compacted topic may hold fewer messages."""
        return max(0, self.end - self.first)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """A message as the broker holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp_us: int
    headers: Headers = ()

    @property
    def topic_partition(self) -> TopicPartition:
        """Where the message stands."""
        return TopicPartition(self.topic, self.partition)
