"""Waiting: messages that were consumed and not inserted yet, by partition, and which of them are due.

Pure bookkeeping of the sink. A partition with an intent (a range that was announced, and perhaps inserted, before) hands
out exactly that range once it is whole; any other hands out all it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import starmap

from weir.events.log import OffsetRange, RawMessage, TopicPartition


class Waiting:
    """What one member of the group holds; forgotten with its membership."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, int], list[RawMessage]] = {}  # plain tuples: one is made for every message
        self._intents: dict[TopicPartition, OffsetRange] = {}
        self.bytes = 0
        """Bytes of the messages that came since the last `due`, those forgotten since included."""

    def add(self, message: RawMessage) -> None:
        """A message came. One that is held already (a partition was read again from an earlier offset) changes nothing."""
        held = self._messages.setdefault((message.topic, message.partition), [])
        if not held or message.offset > held[-1].offset:
            held.append(message)
            self.bytes += len(message.value or b"")

    def intend(self, offsets: OffsetRange) -> None:
        """The next range of its partition is exactly `offsets`."""
        self._intents[offsets.topic_partition] = offsets

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions belong to another member now, or are read again."""
        for one in partitions:
            self._messages.pop(one, None)
            self._intents.pop(one, None)

    def due(self) -> Mapping[TopicPartition, list[RawMessage]]:
        """Messages to insert now, never an empty list; they are not held any longer."""
        self.bytes = 0
        return {one: batch for one in starmap(TopicPartition, list(self._messages)) if (batch := self._due(one))}

    @property
    def messages(self) -> int:
        """How many messages are held."""
        return sum(map(len, self._messages.values()))

    @property
    def intended(self) -> Mapping[TopicPartition, OffsetRange]:
        """Ranges that are to be rebuilt."""
        return self._intents

    def _due(self, topic_partition: TopicPartition) -> list[RawMessage]:
        held = self._messages[topic_partition]
        intent = self._intents.get(topic_partition)
        if intent is None:
            return self._messages.pop(topic_partition)
        if held[-1].offset < intent.last:
            return []
        del self._intents[topic_partition]
        self._messages[topic_partition] = [message for message in held if message.offset > intent.last]
        if not self._messages[topic_partition]:
            del self._messages[topic_partition]
        return [message for message in held if message.offset <= intent.last]
