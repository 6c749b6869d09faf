"""A consumer group set back in the log, for good or for a range: where it was, where it is, and where the range ends.

Heavy imports are inside: only the commands that touch Kafka pay for them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.cli.log import TIMEOUT_S, bootstrap, down
from weir.cli.output import CliError, ExitCode

EMPTY_WITHIN_S = 20.0
"""Seconds in which a group must be without members. Chosen: twice the session for which a stopped one is remembered."""

REPLAYED_WITHIN_S = 900.0
"""Seconds a range may take: a million events at the thousand a second of the slowest consumer on two cores."""

LOOK_S = 0.5
"""Seconds between tries."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A partition of a group that was set back: offsets of the next message."""

    partition: int
    was_at: int
    now_at: int
    end: int
    """The first one no longer in the range; `was_at` where the range has no end."""


class GroupOffsets:
    """A consumer group's offsets of one topic, as they are and as they are set."""

    def __init__(self, group: str, topic: str) -> None:
        """Raises CliError(NOT_FOUND) for an unknown topic."""
        from confluent_kafka.admin import AdminClient

        from weir.events import TOPICS

        if topic not in TOPICS:
            raise CliError(ExitCode.NOT_FOUND, f"no topic is named {topic!r}; topics: {', '.join(sorted(TOPICS))}")
        self.group, self.topic = group, topic
        self._partitions = range(TOPICS[topic].partitions)
        self._admin: Any = AdminClient({"bootstrap.servers": bootstrap(), "log_level": 2})

    def committed(self) -> dict[int, int]:
        """The offset of each partition that has one. Raises CliError(NOT_READY) without a broker."""
        from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException

        asked = ConsumerGroupTopicPartitions(self.group, self._places())
        try:
            found = self._admin.list_consumer_group_offsets([asked], request_timeout=TIMEOUT_S)[self.group].result()
        except KafkaException as error:
            raise self._refused(error) from error
        return {place.partition: place.offset for place in found.topic_partitions if place.offset >= 0}

    def at(self, time_ms: int) -> dict[int, int]:
        """The first message of each partition at or after a time, milliseconds since 1970-01-01 UTC; none: left out."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]  # exported at run time only

        asked = dict.fromkeys(self._places(), OffsetSpec.for_timestamp(time_ms))
        try:
            found = self._admin.list_offsets(asked, request_timeout=TIMEOUT_S)
            first = {place.partition: answer.result().offset for place, answer in found.items()}
        except KafkaException as error:
            raise self._refused(error) from error
        return {partition: offset for partition, offset in first.items() if offset >= 0}

    def put(self, offsets: Mapping[int, int]) -> None:
        """Set partitions to offsets. Raises CliError(INVALID) while the group has members."""
        from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition

        if not offsets:
            return
        places = [TopicPartition(self.topic, number, offset) for number, offset in offsets.items()]
        try:
            _commit(self._admin, ConsumerGroupTopicPartitions(self.group, places))
        except KafkaException as error:
            raise self._refused(error) from error

    def _places(self) -> list[Any]:
        from confluent_kafka import TopicPartition

        return [TopicPartition(self.topic, number) for number in self._partitions]

    def _refused(self, error: Any) -> CliError:
        from confluent_kafka import KafkaError

        if error.args[0].code() in (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP):
            return CliError(
                ExitCode.INVALID,
                f"group {self.group!r} has members, and a running consumer would overwrite what is set",
                "stop every instance of that service first",
            )
        return down(error)


def set_back(offsets: GroupOffsets, since_ms: int, until_ms: int | None = None) -> list[Moved]:
    """Set a group back to the first message at or after a time; never forward. Returns what moved.

    since_ms, until_ms: the range, milliseconds since 1970-01-01 UTC; without an end it ends where the group was. Raises
    CliError(INVALID) while the group has members, NOT_FOUND for a group without offsets.
    """
    before = offsets.committed()
    if not before:
        raise CliError(
            ExitCode.NOT_FOUND, f"group {offsets.group!r} has committed nothing of {offsets.topic!r}", "weir status"
        )
    first, ends = offsets.at(since_ms), offsets.at(until_ms) if until_ms is not None else {}
    moved = planned(before, first, ends)
    offsets.put({one.partition: one.now_at for one in moved})
    return moved


def planned(before: Mapping[int, int], first: Mapping[int, int], ends: Mapping[int, int]) -> list[Moved]:
    """Which partitions move: those in which something of the range lies before the group.

    By partition: before: where the group is. first: the first message of the range; none: left out. ends: the first one
    after it; none: left out, and the range ends where the group is.
    """
    found = [
        Moved(number, was_at, first[number], min(was_at, ends.get(number, was_at)))
        for number, was_at in sorted(before.items())
        if number in first
    ]
    return [one for one in found if one.now_at < one.end]


def wait_for(offsets: GroupOffsets, moved: Sequence[Moved]) -> None:
    """Wait until the group has read its range. Raises CliError(TIMEOUT); the group then goes on to where it was."""
    until_s = time.monotonic() + REPLAYED_WITHIN_S
    while any(offsets.committed().get(one.partition, one.now_at) < one.end for one in moved):
        if time.monotonic() > until_s:
            raise CliError(
                ExitCode.TIMEOUT,
                f"group {offsets.group!r} did not read its range in {REPLAYED_WITHIN_S:.0f} s; it goes on to where it was",
                "weir status",
            )
        time.sleep(LOOK_S)


def set_forward(offsets: GroupOffsets, moved: Sequence[Moved]) -> None:
    """Set a group to where it was, past the messages after its range, which it handled before. Never back."""
    now = offsets.committed()
    offsets.put({one.partition: one.was_at for one in moved if now.get(one.partition, 0) < one.was_at})


def _commit(admin: Any, target: Any) -> None:
    """Set a group's offsets. Each partition has its own answer, and a group remembers a stopped member for a session."""
    from confluent_kafka import KafkaError, KafkaException

    until_s = time.monotonic() + EMPTY_WITHIN_S
    while True:
        answer = admin.alter_consumer_group_offsets([target])[target.group_id].result()
        refused = [place.error for place in answer.topic_partitions if place.error is not None]
        if not refused:
            return
        occupied = refused[0].code() in (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP)
        if not occupied or time.monotonic() > until_s:
            raise KafkaException(refused[0])
        time.sleep(LOOK_S)
