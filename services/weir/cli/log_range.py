"""A range of the log, read once from its first message to its last, in bounded memory and without a consumer group.

A range is fixed before it is read: what is written meanwhile is not in it. `from` is the first message with a
timestamp at or after a time, `to` the first one that is no longer in it, so two ranges that meet share no message.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from weir.cli.log import TIMEOUT_S, bootstrap, down
from weir.cli.moments import EARLIEST, LATEST, Moment
from weir.cli.output import CliError, ExitCode
from weir.events.log import OffsetRange

if TYPE_CHECKING:
    from confluent_kafka import Consumer

FETCHED_KIB_MAX = 32 * 1024
"""Bytes read ahead of the fold, KiB. Chosen: twice the largest message of a topic."""

MESSAGES_AT_A_TIME = 32
"""Messages taken from what was read ahead at once. Chosen: the call's own cost is lost in that of one envelope."""


def ranges(topic: str, since: Moment, until: Moment) -> list[OffsetRange]:
    """The range of every partition. Raises CliError: NOT_FOUND for an unknown topic, NOT_READY without a broker."""
    from confluent_kafka import KafkaException

    with _consumer() as consumer:
        try:
            partitions = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic].partitions
            if not partitions:
                raise CliError(ExitCode.NOT_FOUND, f"the broker at {bootstrap()} has no topic {topic!r}", "weir status")
            return [_range(consumer, topic, number, since, until) for number in sorted(partitions)]
        except KafkaException as error:
            raise down(error) from error


def values(one: OffsetRange) -> Iterator[bytes | None]:
    """The values of the messages of a range, in order.

    Raises CliError: INVALID when retention takes a part of the range before it is read, TIMEOUT when the broker stops
    answering.
    """
    from confluent_kafka import KafkaError, TopicPartition

    if not one.count:
        return
    with _consumer() as consumer:
        consumer.assign([TopicPartition(one.topic, one.partition, one.first)])
        following = one.first
        while True:
            # Never more than are left: the call returns when it has all it was asked for, or at its timeout.
            batch = consumer.consume(min(MESSAGES_AT_A_TIME, one.end - following), TIMEOUT_S)
            if not batch:
                raise CliError(
                    ExitCode.TIMEOUT, f"no answer from the broker at {bootstrap()} for {TIMEOUT_S:.0f} s", "weir status"
                )
            for message in batch:
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    raise _broken(one, error)
                offset = message.offset()
                if error is None and (offset is None or offset <= one.last):
                    value = message.value()
                    yield value.encode() if isinstance(value, str) else value
                if error is not None or offset is None or offset >= one.last:
                    return
                following = offset + 1


def _range(consumer: Consumer, topic: str, partition: int, since: Moment, until: Moment) -> OffsetRange:
    from confluent_kafka import TopicPartition

    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=TIMEOUT_S)

    def offset_of(point: Moment) -> int:
        if point in (EARLIEST, LATEST):
            return low if point == EARLIEST else high
        (found,) = consumer.offsets_for_times([TopicPartition(topic, partition, int(point))], timeout=TIMEOUT_S)
        return found.offset if found.offset >= 0 else high

    return OffsetRange(topic, partition, offset_of(since), offset_of(until) - 1)


@contextmanager
def _consumer() -> Iterator[Consumer]:
    from confluent_kafka import Consumer

    # The group is only a name that the client asks for: with `assign` and without commits no group is joined.
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap(),
            "group.id": "weir-cli",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "queued.max.messages.kbytes": FETCHED_KIB_MAX,
            "log_level": 2,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def _broken(one: OffsetRange, error: object) -> CliError:
    where = f"{one.topic}/{one.partition} from {one.first} to {one.end}"
    return CliError(ExitCode.INVALID, f"{where} could not be read to its end: {error}", "did retention take its start?")
