"""The log as an operator moves it: where it is, and a group set back in it.

Heavy imports are inside: only the commands that touch Kafka pay for them.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from weir.cli.output import CliError, ExitCode

TIMEOUT_S = 15.0
"""Seconds for one answer of the broker. Arbitrary: a busy one answers in one; any value from 5 to 60 would do."""

EMPTY_WITHIN_S = 20.0
"""Seconds in which a group must be without members. Chosen: twice the session for which a stopped one is remembered."""

LOOK_S = 0.5
"""Seconds between tries."""

Place = tuple[str, int]


def bootstrap() -> str:
    """Where Kafka is: WEIR_KAFKA_BOOTSTRAP, else the running stack's. Raises CliError(NOT_READY)."""
    given = os.environ.get("WEIR_KAFKA_BOOTSTRAP")
    if given:
        return given
    from weir.cli.stack import StackError, open_stack

    try:
        return open_stack().endpoints.kafka_bootstrap
    except StackError as error:
        raise CliError(ExitCode.NOT_READY, str(error), "weir up, or set WEIR_KAFKA_BOOTSTRAP") from error


def set_back(group: str, topic: str, from_ms: int) -> Mapping[Place, tuple[int, int]]:
    """Set a group's offsets of a topic back to the first message at or after a time; never forward.

    from_ms: milliseconds since 1970-01-01 UTC. Returns (offset before, offset now) of each partition that moved.
    Raises CliError(INVALID) while the group has members, NOT_FOUND for an unknown topic or a group without offsets.
    """
    from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
    from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # exported at run time only

    from weir.events import TOPICS

    if topic not in TOPICS:
        raise CliError(ExitCode.NOT_FOUND, f"no topic is named {topic!r}; topics: {', '.join(sorted(TOPICS))}")
    admin = AdminClient({"bootstrap.servers": bootstrap(), "log_level": 2})
    places = [TopicPartition(topic, number) for number in range(TOPICS[topic].partitions)]
    try:
        asked = [ConsumerGroupTopicPartitions(group, places)]
        committed = admin.list_consumer_group_offsets(asked, request_timeout=TIMEOUT_S)[group].result()
        since = OffsetSpec.for_timestamp(from_ms)
        found = admin.list_offsets(dict.fromkeys(places, since), request_timeout=TIMEOUT_S)
        first = {place.partition: answer.result().offset for place, answer in found.items()}
        before = {place.partition: place.offset for place in committed.topic_partitions if place.offset >= 0}
        if not before:
            raise CliError(ExitCode.NOT_FOUND, f"group {group!r} has committed nothing of {topic!r}", "weir status")
        moved = {number: now for number, now in first.items() if 0 <= now < before.get(number, 0)}
        if moved:
            target = [TopicPartition(topic, number, offset) for number, offset in moved.items()]
            _commit(admin, ConsumerGroupTopicPartitions(group, target))
    except KafkaException as error:
        raise _refused(group, error) from error
    return {(topic, number): (before[number], offset) for number, offset in moved.items()}


def down(error: Any) -> CliError:
    """What a command says when the broker does not answer."""
    return CliError(ExitCode.NOT_READY, f"no answer from the broker at {bootstrap()}: {error}", "weir status")


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


def _refused(group: str, error: Any) -> CliError:
    from confluent_kafka import KafkaError

    if error.args[0].code() in (KafkaError.UNKNOWN_MEMBER_ID, KafkaError.NON_EMPTY_GROUP):
        return CliError(
            ExitCode.INVALID,
            f"group {group!r} has members, and a running consumer would overwrite what is set",
            "stop every instance of that service first",
        )
    return down(error)
