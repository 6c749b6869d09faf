"""The log as an outside reader sees it: the monitored stream's feature items and drift signals, in log order.

Read with confluent-kafka and its stock Avro deserializer. All events of one monitored stream have one key, so they lie
in one partition and their order there is the order in which the detector sees them: a position in this order is what
the evidence calls an event of the stream.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

FEATURES = "text-features"
SIGNALS = "drift-signals"
BANK = "bank"
"""Detector of signals about the traffic."""

MESSAGES_MAX = 500
"""Messages taken in one read. Arbitrary: any value from 50 to 5,000 would do; more to read is read the next time."""

READ_S = 0.1
"""Seconds a read waits for the first message. Chosen: the loop around it has its own deadline."""


@dataclass(slots=True)
class StreamLog:
    """What the log holds of one stream so far; `read` brings it up to date."""

    bootstrap: str
    registry_url: str
    stream: str
    items: list[str] = field(default_factory=list)
    """request_id of each call with features, in log order, the first place of a call that was published twice."""
    signals: list[dict[str, Any]] = field(default_factory=list)
    """DriftSignalled records of the stream, in log order."""
    feature_messages: int = 0
    """Messages of the features topic, of all streams."""
    _consumer: Consumer | None = None
    _decode: AvroDeserializer | None = None

    def open(self) -> None:
        """Connect and stand at the beginning of both topics; joins no consumer group."""
        self._consumer = Consumer(
            {"bootstrap.servers": self.bootstrap, "group.id": "demo-reader", "enable.auto.commit": False}
        )
        self._decode = AvroDeserializer(SchemaRegistryClient({"url": self.registry_url}))
        metadata = self._consumer.list_topics(timeout=10.0)
        places = [
            TopicPartition(topic, partition, 0)
            for topic in (FEATURES, SIGNALS)
            for partition in metadata.topics[topic].partitions
        ]
        self._consumer.assign(places)

    def read(self) -> None:
        """Take in what has been written since the last read, up to one batch."""
        assert self._consumer is not None, "call open() first"
        for message in self._consumer.consume(MESSAGES_MAX, timeout=READ_S):
            if message.error() is not None:
                continue
            self.feature_messages += message.topic() == FEATURES
            if (message.key() or b"").decode() == self.stream:
                self._take(message)

    def pages(self) -> list[dict[str, Any]]:
        """Signals in which the detector bank fired and was sure: level page."""
        return [signal for signal in self._fired() if signal["level"] == "page"]

    def warnings(self) -> list[dict[str, Any]]:
        """Signals in which the detector bank fired at level warn."""
        return [signal for signal in self._fired() if signal["level"] == "warn"]

    def position_of(self, request_id: str) -> int | None:
        """Place of a call in the stream, from 1; None when the log does not hold it yet."""
        return self.items.index(request_id) + 1 if request_id in self.items else None

    def close(self) -> None:
        """Leave the broker."""
        if self._consumer is not None:
            self._consumer.close()

    def _fired(self) -> list[dict[str, Any]]:
        """Alarms on the traffic itself; those on scores of the same stream are another detector's."""
        return [one for one in self.signals if one["state"] == "fired" and one["detector"] == BANK]

    def _take(self, message: Message) -> None:
        assert self._decode is not None, "call open() first"
        topic = message.topic() or ""
        event = self._decode(message.value(), SerializationContext(topic, MessageField.VALUE))
        if not isinstance(event, dict):
            raise TypeError(f"{topic} holds {type(event).__name__}; expected a record")
        if topic == FEATURES:
            known = set(self.items)
            self.items.extend(item["request_id"] for item in event["items"] if item["request_id"] not in known)
        else:
            self.signals.append(event)
