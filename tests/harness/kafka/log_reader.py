"""What a topic of the log holds, as events; messages that nobody can read are left out."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from harness.stack.running_stack import RunningStack
from weir.events import TOPICS, Event, InvalidEvent, decode_body, unframe
from weir.runtime.identity import new_id

TIMEOUT_S = 60.0
"""Seconds a broker may take to answer. Arbitrary: any value from 10 to 120 would do; it takes milliseconds."""


def events_of(stack: RunningStack, topic: str) -> list[tuple[int, int, Event]]:
    """Partition, offset and event of everything in the topic now, in order within a partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": stack.kafka_bootstrap,
            "group.id": f"chaos-{new_id()}",
            "enable.auto.commit": False,
            "log_level": 2,
        }
    )
    try:
        return _read(consumer, topic, _assigned(consumer, topic))
    finally:
        consumer.close()


def _assigned(consumer: Consumer, topic: str) -> dict[int, int]:
    """Give the consumer all that the topic holds now. Returns where each partition that holds something ends."""
    numbers = range(TOPICS[topic].partitions)
    bounds = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=TIMEOUT_S) for n in numbers}
    filled = {n: (low, high) for n, (low, high) in bounds.items() if low < high}
    # All at once: a consumer that is given one partition after the other waits half a second for each.
    consumer.assign([TopicPartition(topic, n, low) for n, (low, _) in filled.items()])
    return {n: high for n, (_, high) in filled.items()}


def _read(consumer: Consumer, topic: str, ends: dict[int, int]) -> list[tuple[int, int, Event]]:
    found: list[tuple[int, int, Event]] = []
    unread = set(ends)
    while unread:
        message = consumer.poll(TIMEOUT_S)
        assert message is not None, f"{topic} gave nothing more of partitions {sorted(unread)} up to {ends}"
        if message.error() is not None:
            continue
        partition, offset = message.partition() or 0, message.offset() or 0
        if offset + 1 >= ends[partition]:
            unread.discard(partition)
        value = message.value()
        try:
            _, body = unframe(value if isinstance(value, bytes) else None)
            found.append((partition, offset, decode_body(TOPICS[topic].event, body)))
        except InvalidEvent:
            continue  # poison of another test; no consumer can read it either
    return sorted((one for one in found if one[1] < ends[one[0]]), key=lambda one: one[:2])
