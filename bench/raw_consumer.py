"""The baseline of the sink: a confluent consumer that takes the same messages and does nothing with them.

`python -m bench.raw_consumer BOOTSTRAP TOPIC COUNT` prints its CPU microseconds per message.
"""

from __future__ import annotations

import sys
import time

from confluent_kafka import Consumer, TopicPartition

BATCH = 1_000
"""Messages of one call. Arbitrary: any value from 100 to 10,000 would do; the call's own cost is lost in theirs."""
DEADLINE_S = 60.0
"""Seconds for all messages. Arbitrary: any value from 20 to 600 would do; they take a few."""


def main(bootstrap: str, topic: str, count: int) -> float:
    """Consume the last `count` messages of `topic`; CPU microseconds of this process per message."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "bench-raw", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=10.0).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
    taken, start_ns, end_s = 0, time.process_time_ns(), time.monotonic() + DEADLINE_S
    while taken < count:
        taken += len(consumer.consume(BATCH, timeout=1.0))
        if time.monotonic() > end_s:
            raise TimeoutError(f"{taken} of {count} messages of {topic} within {DEADLINE_S:g} s")
    used_us = (time.process_time_ns() - start_ns) / 1_000
    consumer.close()
    return used_us / taken


if __name__ == "__main__":
    print(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
