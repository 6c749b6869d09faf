"""A broker inside the test's process: librdkafka's own mock cluster, which listens on a real port.

It keeps messages and offsets and speaks the protocol; it proves what our code says to a broker, never what one promises.
"""

from __future__ import annotations

import json
from pathlib import Path

from confluent_kafka import Consumer, Message, Producer, TopicPartition

from harness.waiting import PATIENCE_S
from weir.events import SCHEMA_JSON, TOPICS, Event, decode_body, digest_of, unframe
from weir.runtime.kafka.link import Link, link_from
from weir.runtime.settings import SharedSettings


class MockKafka:
    """One broker; it ends with the object."""

    def __init__(self) -> None:
        self._owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
        (broker,) = self._owner.list_topics(timeout=PATIENCE_S).brokers.values()
        self.bootstrap = f"{broker.host}:{broker.port}"

    def settings(self, folder: Path) -> SharedSettings:
        """Settings of a service on this broker, without a registry."""
        return SharedSettings(data_dir=folder, kafka_bootstrap=self.bootstrap)

    def link(self, folder: Path, service: str, instance: str = "1") -> Link:
        """The link of a service that knows every schema id already, so that it needs no registry."""
        know_schemas(folder / service / "schema-ids.json")
        return link_from(self.settings(folder).model_copy(update={"instance": instance}), service)

    def events(self, topic: str) -> list[Event]:
        """Every event of a topic, partition by partition."""
        return events_in(self.bootstrap, topic)

    def messages(self, topic: str) -> list[Message]:
        """Every message of a topic, partition by partition."""
        return messages_in(self.bootstrap, topic)


def events_in(bootstrap: str, topic: str) -> list[Event]:
    """Every event of a topic of any broker, partition by partition."""
    values = [message.value() for message in messages_in(bootstrap, topic)]
    return [decode_body(TOPICS[topic].event, unframe(value)[1]) for value in values if isinstance(value, bytes)]


def messages_in(bootstrap: str, topic: str) -> list[Message]:
    """Every message of a topic of any broker, partition by partition."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "look", "log_level": 0})
    found: list[Message] = []
    try:
        partitions = consumer.list_topics(topic, timeout=PATIENCE_S).topics[topic].partitions
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=PATIENCE_S)[1] for n in partitions]
        # All at once: a consumer that is given one partition after the other waits half a second for each.
        consumer.assign([TopicPartition(topic, n, 0) for n in partitions])
        for _ in range(sum(ends)):
            (message,) = consumer.consume(1, PATIENCE_S)
            assert message.error() is None, message.error()
            found.append(message)
    finally:
        consumer.close()
    return sorted(found, key=lambda one: (one.partition() or 0, one.offset() or 0))


def know_schemas(path: Path) -> None:
    """Write the schema ids of this build where a service remembers them."""
    texts = {number: SCHEMA_JSON[topic.event] for number, topic in enumerate(TOPICS.values(), 1)}
    ids = {f"{name}-value {digest_of(texts[number])}": number for number, name in enumerate(TOPICS, 1)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"ids": ids, "schemas": texts}))
