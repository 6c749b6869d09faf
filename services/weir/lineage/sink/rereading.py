"""Rereading: the messages of ranges once more, from whichever partitions, without a part in the group.

What was announced before a crash is inserted again whole, also where its partitions have come to several members: each reads all
of it from the log, and the token makes it one insert.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from weir.events.log import OffsetRange, RawMessage
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.client_call import ClientCall
from weir.lineage.sink.group import HEARTBEAT_S
from weir.runtime.telemetry.logs import logger

READ_MAX = 1_000
"""Messages of one read. Arbitrary; any value from 100 to 10,000 would do."""

Wait = Callable[[float], bool]
"""Waits that many seconds and keeps the membership; False at once when the sink is to stop."""


def read_again(
    settings: LineageSettings,
    ranges: Sequence[OffsetRange],
    raw: Callable[[Any], RawMessage],
    call: ClientCall,
    wait: Wait,
) -> list[RawMessage] | None:
    """The messages of these ranges that the log still holds, range by range; None when a stop was asked for before.

    A range is whole once the log is read up to its last offset, or the log's end is behind it: a compacted topic may have lost
    the last. raw: makes a message of the client's. call: notes each call of the client. Raises KafkaException.
    """
    found: dict[int, list[RawMessage]] = {one.partition: [] for one in ranges}
    left = {one.partition: one for one in ranges}
    with closing(_reader(settings, ranges)) as reader:
        while left:
            call.enter("read again", time.monotonic())
            read = reader.consume(READ_MAX, HEARTBEAT_S)
            call.leave()
            for partition, offset, message in _seen(read):
                offsets = left.get(partition)
                if offsets is None:
                    continue
                if message is not None and offset <= offsets.last:
                    found[partition].append(raw(message))
                if offset >= offsets.last:
                    del left[partition]
            if left and not read and not wait(HEARTBEAT_S):
                return None
        call.enter("close", time.monotonic())
    call.leave()
    return [message for one in ranges for message in found[one.partition]]


def _reader(settings: LineageSettings, ranges: Sequence[OffsetRange]) -> Any:
    reader = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": f"{settings.group}-rereads",  # the client wants a name; nothing is committed under it
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "allow.auto.create.topics": False,
            "log_level": 2,
        }
    )
    reader.assign([TopicPartition(one.topic, one.partition, one.first) for one in ranges])
    return reader


def _seen(read: Sequence[Any]) -> Iterator[tuple[int, int, Any]]:
    """Partition and offset of each message, and the message; at the end of the log the last offset, and None."""
    for message in read:
        error = message.error()
        if error is None:
            yield message.partition(), message.offset(), message
        elif error.code() == KafkaError._PARTITION_EOF:
            yield message.partition(), message.offset() - 1, None
        elif error.fatal():
            raise KafkaException(error)
        else:
            logger().warning("reread_error", error=error.str())
