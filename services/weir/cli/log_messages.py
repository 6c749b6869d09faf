"""Messages of the log, one at a time: read where one lies, written again; many over one connection.

    with Messages() as messages:
        message = messages.read("feedback", 0, 17)
        messages.write("feedback", message, "feedback/0/17")

Heavy imports are inside: only the commands that touch Kafka pay for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from weir.cli import log
from weir.cli.output import CliError, ExitCode

VALUE_BYTES_MAX = 1_000_000_000
"""The client's largest allowed setting: how large a message may be is the broker's to say."""

REPLAYED_FROM = "weir-replayed-from"
"""Header of a message that was written again: topic/partition/offset of the first."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in the log."""

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    """Its headers, the trace context among them."""


class Messages:
    """A connection to read and to write; `with` closes it. Every method raises CliError(NOT_READY) without a broker."""

    def __init__(self) -> None:
        from confluent_kafka import Consumer, Producer

        shared = {"bootstrap.servers": log.bootstrap(), "log_level": 2}
        self._consumer = Consumer({**shared, "group.id": "weir-cli", "enable.auto.commit": False})
        settings = {"acks": "all", "enable.idempotence": True, "message.max.bytes": VALUE_BYTES_MAX}
        self._producer = Producer({**shared, **settings})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def read(self, topic: str, partition: int, offset: int) -> Message | None:
        """The message at a place; None when retention took it."""
        from confluent_kafka import KafkaException, TopicPartition

        place = TopicPartition(topic, partition, offset)
        try:
            low, high = self._consumer.get_watermark_offsets(place, timeout=log.TIMEOUT_S)
            if not low <= offset < high:
                return None
            self._consumer.assign([place])
            found = self._consumer.poll(log.TIMEOUT_S)
        except KafkaException as error:
            raise log.down(error) from error
        if found is None or found.error() is not None or found.offset() != offset:
            return None
        pairs: Any = found.headers() or ()
        headers = tuple((name, _bytes(value)) for name, value in pairs)
        return Message(_bytes(found.key()), _bytes(found.value()), headers)

    def write(self, topic: str, message: Message, origin: str) -> None:
        """Write a message again and wait for the broker: with its headers, and one that says where it came from.

        Raises CliError(INVALID) when the broker refuses the message.
        """
        from confluent_kafka import KafkaException

        kept = [(name, value) for name, value in message.headers if name != REPLAYED_FROM]
        refused: list[str] = []
        try:
            self._producer.produce(
                topic,
                key=message.key,
                value=message.value,
                headers=[*kept, (REPLAYED_FROM, origin.encode())],
                on_delivery=lambda error, _: refused.append(str(error)) if error else None,
            )
        except KafkaException as error:
            refused.append(str(error))
        if self._producer.flush(log.TIMEOUT_S):
            raise log.down("the message was not taken")
        if refused:
            raise CliError(ExitCode.INVALID, f"the message of {origin} was refused by {topic}: {refused[0]}")


def _bytes(value: Any) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
