"""Events into Kafka: acks=all, idempotent, bounded, and patient while the broker is away."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from weir.events import TOPICS, Event
from weir.events.log import Headers
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable
from weir.runtime.kafka.connection import connect
from weir.runtime.kafka.message_trace import kafka_headers
from weir.runtime.kafka.metadata_pause import pause_after_failure
from weir.runtime.kafka.retries import retry
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.metrics import PRODUCED

LINGER_MS = 10
"""Milliseconds a send waits for others to share its request. Chosen: small against the 200 ms flush of the store."""

BATCH_BYTES = 1_000_000
"""Largest batch per partition. Measured: the default of 16 KB costs twice the CPU per event."""


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
    key: bytes | None
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
            "linger_ms": LINGER_MS,
            "max_batch_size": BATCH_BYTES,
            "max_request_size": max(topic.max_message_bytes for topic in TOPICS.values()),
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
        """Send messages that are framed already, and wait until all are acknowledged."""
        if self._producer is None:
            raise Retryable("the producer has not reached a broker yet")
        producer, acknowledged = self._producer, Counter[str]()
        try:
            waiting = [
                await producer.send(message.topic, key=message.key, value=message.value, headers=list(message.headers))
                for message in messages
            ]
            for one in waiting:
                acknowledged[(await one).topic] += 1
        except KafkaError as error:
            raise Retryable(f"the broker did not take the batch: {error!r}") from error
        finally:
            for topic, count in acknowledged.items():
                PRODUCED.labels(topic).inc(count)

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
