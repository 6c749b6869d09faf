"""Kafka in: consume, decode, handle, commit; bounded, at least once, one bad message never stops a partition.

The handler gets decoded messages in order per partition and returns when their effect is durable; only then is the
offset committed. What it raises decides what happens:

    InvalidEvent    the batch is handled one by one and the bad message is dead-lettered
    Retryable       the same batch is tried again after a pause; lag grows, memory does not
    TooManyRejects  the consumer halts, not ready, with its offset where it was, until a person starts it again
    anything else   the process ends; the supervisor starts it again and the batch is replayed; a message that ends
                    three lives so is dead-lettered (`culprits`)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from weir.events import Event, InvalidEvent
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable, TooManyRejects
from weir.runtime.halt import ended, halted
from weir.runtime.kafka.deadletter import DeadLetters, RawMessage
from weir.runtime.kafka.message_trace import trace_of_message
from weir.runtime.kafka.producer import RECONNECT_S
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import BATCH_MESSAGES, LAG, MESSAGES, RETRIES
from weir.runtime.waits import wait_or_stop

POLL_MS = 250
"""Milliseconds a poll waits for a first message. Chosen: bounds how late a stop is noticed."""

BACKOFF_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Pauses between tries of a batch, seconds, the last one for ever after. The first is shorter than a restart of a store, the
last keeps an outage to one log line in five seconds."""


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded message and its place in the log."""

    message: RawMessage
    event: Event
    trace: TraceContext | None = None
    """Context under which the message was made; None where it belongs to no trace."""


Handler = Callable[[Sequence[Received]], Awaitable[None]]


class Consumer:
    """One member of a consumer group over a few topics."""

    def __init__(
        self,
        *,
        bootstrap: str,
        group: str,
        topics: Sequence[str],
        serde: Serde,
        dead_letters: DeadLetters,
        handle: Handler,
        batch_messages_max: int = 500,
    ) -> None:
        """batch_messages_max: messages handed to the handler at once, at most."""
        self._group = group
        self._topics = tuple(topics)
        self._serde = serde
        self._dead_letters = dead_letters
        self._handle = handle
        self._batch_messages_max = batch_messages_max
        self._bootstrap = bootstrap
        self.is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; finishes the batch in hand first."""
        try:
            await self._consume(stop)
        except TooManyRejects as error:
            halted(self._group, error)
            await stop.wait()
            ended(self._group)

    async def _consume(self, stop: asyncio.Event) -> None:
        consumer = await _started(self._bootstrap, self._group, self._topics, stop)
        if consumer is None:
            return
        self.is_ready = True
        try:
            while not stop.is_set():
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch_messages_max)
                for place, records in fetched.items():
                    await self._partition(consumer, place, records, stop)
        finally:
            self.is_ready = False
            await consumer.stop()

    async def _partition(self, consumer: Any, place: TopicPartition, records: list[Any], stop: asyncio.Event) -> None:
        batch = [_raw(record) for record in records]
        handled = await self._until_handled(batch, stop)
        if not handled:
            return
        MESSAGES.labels(self._group, place.topic).inc(len(batch))
        BATCH_MESSAGES.labels(self._group).observe(len(batch))
        await _commit(consumer, place, batch[-1].offset + 1)
        end = consumer.highwater(place)
        if end is not None:
            LAG.labels(self._group, place.topic, str(place.partition)).set(max(0, end - batch[-1].offset - 1))

    async def _until_handled(self, batch: Sequence[RawMessage], stop: asyncio.Event) -> bool:
        attempt = 0
        while True:
            try:
                await self._once(batch)
            except Retryable as error:
                RETRIES.labels(self._group, batch[0].topic).inc()
                logger().warning(
                    "batch_retried", group=self._group, topic=batch[0].topic, attempt=attempt, error=str(error)
                )
                await wait_or_stop(stop, BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
                if stop.is_set():
                    return False
            else:
                return True

    async def _once(self, batch: Sequence[RawMessage]) -> None:
        received = []
        for message in batch:
            try:
                event = await self._serde.decode(message.topic, message.value)
                received.append(Received(message, event, trace_of_message(message.topic, message.headers, event)))
            except InvalidEvent as error:
                await self._dead_letters.put(message, error)
        if received:
            await self._handled(received)

    async def _handled(self, received: Sequence[Received]) -> None:
        culprits = self._dead_letters.culprits
        if len(received) > 1 and any(culprits.suspects(one.message) for one in received):
            for one in received:
                await self._handled([one])
            return
        try:
            culprits.check(received[0].message)
            await self._handle(received)
        except InvalidEvent as error:
            if len(received) == 1:
                await self._dead_letters.put(received[0].message, error)
                return
            for one in received:
                await self._handled([one])
        except Exception as error:
            culprits.blame([one.message for one in received], error)
            raise
        else:
            place = received[0].message
            self._dead_letters.note_good(place.topic, place.partition, len(received))


async def _started(bootstrap: str, group: str, topics: Sequence[str], stop: asyncio.Event) -> AIOKafkaConsumer | None:
    while not stop.is_set():
        consumer = AIOKafkaConsumer(
            *topics,
            bootstrap_servers=bootstrap,
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
        except KafkaError as error:
            await consumer.stop()
            logger().warning("broker_unreachable", group=group, error=repr(error))
            await wait_or_stop(stop, RECONNECT_S)
        else:
            return consumer
    return None


async def _commit(consumer: AIOKafkaConsumer, place: TopicPartition, offset: int) -> None:
    try:
        await consumer.commit({place: offset})
    except (CommitFailedError, IllegalStateError) as error:
        logger().warning("commit_refused", topic=place.topic, partition=place.partition, error=repr(error))
    except KafkaError as error:
        logger().warning("commit_failed", topic=place.topic, partition=place.partition, error=repr(error))


def _raw(record: Any) -> RawMessage:
    timestamp_us = record.timestamp * 1_000
    place = record.topic, record.partition, record.offset
    return RawMessage(*place, record.key, record.value, timestamp_us, tuple(record.headers))
