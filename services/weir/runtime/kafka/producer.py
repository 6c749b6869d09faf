"""Events into Kafka: acks=all, idempotent, bounded, and patient while the broker is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from weir.events import TOPICS, Event
from weir.events.log import Headers, TopicPartition
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable
from weir.runtime.kafka.connection import connect
from weir.runtime.kafka.message_trace import kafka_headers
from weir.runtime.kafka.metadata_pause import pause_after_failure
from weir.runtime.kafka.partitioner import partition_of
from weir.runtime.kafka.retries import retry
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.metrics import PRODUCED

BATCH_BYTES = 1_000_000
"""Largest batch per partition. Measured: the default of 16 KB costs twice the CPU per event."""

REQUEST_BYTES_MAX = max(topic.max_message_bytes for topic in TOPICS.values())
"""Largest message that is sent at all, bytes."""


class Outgoing(NamedTuple):
    """An event on its way to a topic."""

    topic: str
    key: str
    event: Event
    trace: TraceContext | None = None
    """Context under which it is made, for the headers; None for what belongs to no trace."""


class Framed(NamedTuple):
    """A message that is framed already."""

    topic: str
    key: bytes
    value: bytes | None
    headers: Headers = ()


class EventProducer:
    """Sends events; a returned `send` means every in-sync replica has them."""

    def __init__(self, bootstrap: str, serde: Serde, client_id: str) -> None:
        """bootstrap: host:port list. client_id: name in the broker's log and metrics."""
        self._serde = serde
        self._bootstrap = bootstrap
        self._options = {
            "bootstrap_servers": bootstrap,
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": True,
            "max_batch_size": BATCH_BYTES,
            "max_request_size": REQUEST_BYTES_MAX,
        }
        self._producer: AIOKafkaProducer | None = None

    async def start(self, stop: asyncio.Event) -> None:
        """Connect, trying again until a broker answers or `stop` is set."""
        self._producer = await connect(self._client, stop, bootstrap=self._bootstrap)

    @property
    def is_ready(self) -> bool:
        """Whether a broker has been reached."""
        return self._producer is not None

    async def send(self, topic: str, key: str, event: Event) -> None:
        """Send one event and wait for its acknowledgement. Raises Retryable when the broker refuses for now."""
        await self.send_all([Outgoing(topic, key, event)])

    async def send_all(self, events: Iterable[Outgoing]) -> None:
        """Send events and wait until all are acknowledged.

        On Retryable some may have been written: send the same events again; their ids make the repeat harmless.
        """
        await self.send_bytes([await self._frame(one) for one in events])

    async def deliver(self, events: Sequence[Outgoing], stop: asyncio.Event, group: str) -> None:
        """Send events that have their numbers, the same ones again and again until all are acknowledged.

        A number taken and not written is a hole, and a hole reads as a loss. So a handler numbers its events once and does
        not build them anew for another try. group: consumer group in whose name the retries are counted. Raises Retryable
        only once `stop` is set, and then the message that caused the events must not be committed.
        """
        if events:
            await retry(lambda: self.send_all(events), stop, group, events[0].topic)

    async def send_bytes(self, messages: Iterable[Framed]) -> None:
        """Send messages that are framed already, and wait until all are acknowledged.

        Those of a partition are handed over as whole batches, which leave at once. Measured: a message costs a quarter of what
        it costs alone, and a dead letter does not wait for others.
        """
        if self._producer is None:
            raise Retryable("the producer has not reached a broker yet")
        producer = self._producer
        try:
            sent = [
                (topic, batch.record_count(), await producer.send_batch(batch, topic, partition=partition))
                for (topic, partition), those in (await _by_partition(producer, messages)).items()
                for batch in _batches(producer, those)
            ]
            outcomes = await asyncio.gather(*[acknowledged for _, _, acknowledged in sent], return_exceptions=True)
            for (topic, count, _), outcome in zip(sent, outcomes, strict=True):
                if isinstance(outcome, BaseException):
                    raise outcome
                PRODUCED.labels(topic).inc(count)
        except KafkaError as error:
            raise Retryable(f"the broker did not take the batch: {error!r}") from error

    def _client(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(**self._options)
        pause_after_failure(producer.client)
        return producer

    async def _frame(self, one: Outgoing) -> Framed:
        value = await self._serde.encode(one.topic, one.event)
        return Framed(one.topic, one.key.encode(), value, kafka_headers(one.trace))

    async def stop(self) -> None:
        """Flush and close."""
        if self._producer is not None:
            await self._producer.stop()
            self._producer = None


async def _by_partition(
    producer: AIOKafkaProducer, messages: Iterable[Framed]
) -> Mapping[TopicPartition, Sequence[Framed]]:
    """The messages of each partition, in their order."""
    found: dict[TopicPartition, list[Framed]] = {}
    partitions: dict[str, int] = {}
    for message in messages:
        if message.topic not in partitions:
            partitions[message.topic] = len(await producer.partitions_for(message.topic))
        partition = partition_of(message.key, partitions[message.topic])
        found.setdefault(TopicPartition(message.topic, partition), []).append(message)
    return found


def _batches(producer: AIOKafkaProducer, messages: Iterable[Framed]) -> Iterator[BatchBuilder]:
    """The messages of a partition in closed batches: one, or several where it has no room for all."""
    batch = producer.create_batch()
    for message in messages:
        if not _is_added(batch, message):
            yield batch
            batch = producer.create_batch()
            _is_added(batch, message)
    batch.close()
    yield batch


def _is_added(batch: BatchBuilder, message: Framed) -> bool:
    """Whether the batch had room, as an empty one always has; if not, it is closed. Raises MessageSizeTooLargeError."""
    headers = list(message.headers)
    size = DefaultRecordBatchBuilder.estimate_size_in_bytes(message.key, message.value, headers)
    if size > REQUEST_BYTES_MAX:
        raise MessageSizeTooLargeError(f"a message has {size} bytes; at most {REQUEST_BYTES_MAX} are sent")
    added = batch.append(timestamp=None, key=message.key, value=message.value, headers=headers)
    return added is not None
