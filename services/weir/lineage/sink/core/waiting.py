"""Waiting: messages that were consumed and not inserted yet, by partition, and which of them are due.

Pure bookkeeping of the sink. A partition with an intent (a range that was announced, and perhaps inserted, before) hands
out exactly that range once it is whole; any other hands out all it has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, Protocol, TypeVar

from weir.lineage.sink.core.intent import Range

Place = tuple[str, int]
"""Topic and partition."""


class Placed(Protocol):
    """A message that knows where it stands."""

    @property
    def topic(self) -> str: ...

    @property
    def partition(self) -> int: ...

    @property
    def offset(self) -> int: ...


Held = TypeVar("Held", bound=Placed)


class Waiting(Generic[Held]):
    """What one member of the group holds; forgotten with its membership."""

    def __init__(self) -> None:
        self._messages: dict[Place, list[Held]] = {}
        self._intents: dict[Place, Range] = {}

    def add(self, message: Held) -> None:
        """A message came. One that is held already (a partition was read again from an earlier offset) changes nothing."""
        held = self._messages.setdefault((message.topic, message.partition), [])
        if not held or message.offset > held[-1].offset:
            held.append(message)

    def intend(self, place: Place, span: Range) -> None:
        """The next range of this place is exactly `span`."""
        self._intents[place] = span

    def forget(self, places: Iterable[Place]) -> None:
        """These partitions belong to another member now, or are read again."""
        for place in places:
            self._messages.pop(place, None)
            self._intents.pop(place, None)

    def due(self) -> Mapping[Place, list[Held]]:
        """Messages to insert now, never an empty list; they are not held any longer."""
        return {place: batch for place in list(self._messages) if (batch := self._due(place))}

    @property
    def intended(self) -> Mapping[Place, Range]:
        """Ranges that are to be rebuilt."""
        return self._intents

    def _due(self, place: Place) -> list[Held]:
        held = self._messages[place]
        intent = self._intents.get(place)
        if intent is None:
            return self._messages.pop(place)
        if held[-1].offset < intent.last:
            return []
        del self._intents[place]
        self._messages[place] = [message for message in held if message.offset > intent.last]
        if not self._messages[place]:
            del self._messages[place]
        return [message for message in held if message.offset <= intent.last]
