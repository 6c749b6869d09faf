"""What a topic of the log holds, as events; messages that nobody can read are left out."""

from __future__ import annotations

from confluent_kafka import Consumer, TopicPartition

from harness.stack.running_stack import RunningStack
from weir.events import TOPICS, Event, InvalidEvent, decode_body, unframe
from weir.runtime.identity import new_id

TIMEOUT_S = 30.0
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
        return [one for number in range(TOPICS[topic].partitions) for one in _partition(consumer, topic, number)]
    finally:
        consumer.close()


def _partition(consumer: Consumer, topic: str, number: int) -> list[tuple[int, int, Event]]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=TIMEOUT_S)
    found: list[tuple[int, int, Event]] = []
    consumer.assign([TopicPartition(topic, number, low)])
    position = low
    while position < high:
        message = consumer.poll(TIMEOUT_S)
        assert message is not None, f"{topic}/{number} gave nothing at offset {position} of {high}"
        if message.error() is not None:
            continue
        position = (message.offset() or 0) + 1
        value = message.value()
        try:
            _, body = unframe(value if isinstance(value, bytes) else None)
            found.append((number, position - 1, decode_body(TOPICS[topic].event, body)))
        except InvalidEvent:
            continue  # poison of another test; no consumer can read it either
    return found
