"""Kafka in, in batches: the loop of `handling` on a plain consumer, for services that work on many messages at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from weir.events.log import RawMessage
from weir.runtime.halt import run_or_halt
from weir.runtime.kafka.connection import connect
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.kafka.handling import BatchHandler, Handling, note_lag
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import BATCH_MESSAGES

POLL_MS = 250
"""Milliseconds a poll waits for a first message, and how late a stop is noticed. Arbitrary: any value from 50 to
1,000 would do."""


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
        handle: BatchHandler,
        batch_messages_max: int = 500,
    ) -> None:
        """batch_messages_max: messages handed to the handler at once, at most."""
        self._bootstrap = bootstrap
        self._group = group
        self._topics = tuple(topics)
        self._handling = Handling(group, serde, dead_letters, handle)
        self._batch_messages_max = batch_messages_max
        self.is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set; finishes the messages in work first. Raises what the handler raised."""
        await run_or_halt(self._group, self._consume(stop), stop)

    async def _consume(self, stop: asyncio.Event) -> None:
        consumer = await connect(self._client, stop, group=self._group)
        if consumer is None:
            return
        self.is_ready = True
        try:
            while not stop.is_set():
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=self._batch_messages_max)
                for partition, records in fetched.items():
                    batch = [_raw(record) for record in records]
                    if await self._handling.finish(batch, stop):
                        await self._commit(consumer, partition, batch)
        finally:
            self.is_ready = False
            await consumer.stop()

    def _client(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            *self._topics,
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )

    async def _commit(self, consumer: AIOKafkaConsumer, partition: TopicPartition, batch: Sequence[RawMessage]) -> None:
        done = batch[-1].offset + 1
        BATCH_MESSAGES.labels(self._group).observe(len(batch))
        try:
            await consumer.commit({partition: done})
        except (CommitFailedError, IllegalStateError) as error:
            logger().warning("commit_refused", topic=partition.topic, partition=partition.partition, error=repr(error))
        except KafkaError as error:
            logger().warning("commit_failed", topic=partition.topic, partition=partition.partition, error=repr(error))
        note_lag(self._group, partition.topic, partition.partition, done, consumer.highwater(partition))


def _raw(record: Any) -> RawMessage:
    timestamp_us = record.timestamp * 1_000
    headers = tuple(record.headers)
    return RawMessage(record.topic, record.partition, record.offset, record.key, record.value, timestamp_us, headers)
