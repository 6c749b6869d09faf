"""Waiting: messages that were consumed and not inserted yet, by partition. Pure bookkeeping of the sink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weir.events.log import RawMessage, TopicPartition


class Waiting:
    """What one member of the group holds; forgotten with its membership."""

    def __init__(self) -> None:
        self._messages: dict[tuple[str, int], list[RawMessage]] = {}  # plain tuples: one is made for every message
        self.bytes = 0
        """Bytes of the messages that came since the last `due`, those forgotten since included."""

    def add(self, message: RawMessage) -> None:
        """A message came. One that is held already (a partition was read again from an earlier offset) changes nothing."""
        held = self._messages.setdefault((message.topic, message.partition), [])
        if not held or message.offset > held[-1].offset:
            held.append(message)
            self.bytes += len(message.value or b"")

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """These partitions belong to another member now, or are read again."""
        for one in partitions:
            self._messages.pop(one, None)

    def due(self) -> Mapping[TopicPartition, list[RawMessage]]:
        """Messages to insert now, never an empty list; they are not held any longer."""
        held, self._messages, self.bytes = self._messages, {}, 0
        return {TopicPartition(*one): batch for one, batch in held.items()}

    @property
    def messages(self) -> int:
        """How many messages are held."""
        return sum(map(len, self._messages.values()))
