"""Relay: sends an outbox to Kafka in order and settles what was acknowledged.

Kafka may be away for as long as it likes: the outbox waits. A crash between the acknowledgement and the settlement sends the
same events again, with the same ids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from weir.events import Event
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable
from weir.runtime.kafka.producer import EventProducer, Outgoing
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of

AnyEvent = TypeVar("AnyEvent", bound=Event, covariant=True)


class Unsent(NamedTuple, Generic[AnyEvent]):
    """An event of an outbox that Kafka has not acknowledged."""

    position: int
    topic: str
    key: str
    event: AnyEvent
    trace: TraceContext | None = None
    """As in `Outgoing`."""


class Outbox(Protocol):
    """The events of a service's database; one relay reads it."""

    async def first(self, events_max: int) -> Sequence[Unsent[Event]]:
        """The first events that Kafka has not acknowledged, in order."""

    async def settle(self, positions: Sequence[int]) -> None:
        """Kafka has these events. Positions are in order, and none was left out between them."""


class Relay:
    """The one sender of an outbox."""

    def __init__(self, outbox: Outbox, producer: EventProducer, events_max: int, pause_s: float) -> None:
        """events_max: events sent at once. pause_s: seconds between looks that nobody asked for, and after a refusal."""
        self._outbox = outbox
        self._producer = producer
        self._events_max = events_max
        self._pause_s = pause_s
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work = asyncio.Event()

    def announce(self) -> None:
        """Say that there may be something to send; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._work.set)

    async def run(self, stop: asyncio.Event) -> None:
        """Connect and send until `stop` is set; the owner of the producer closes it, after all who send with it."""
        self._loop = asyncio.get_running_loop()
        connecting = asyncio.create_task(self._producer.start(stop))
        try:
            while not stop.is_set():
                self._work.clear()
                if not await self._once():
                    await first_of(self._work, stop, within_s=self._pause_s)
        finally:
            self._loop = None
            await connecting

    async def _once(self) -> bool:
        """Send one batch; False when there was nothing to send or Kafka did not take it."""
        batch = await self._outbox.first(self._events_max)
        if not batch:
            return False
        try:
            await self._producer.send_all([Outgoing(one.topic, one.key, one.event, one.trace) for one in batch])
        except Retryable as error:
            logger().warning("outbox_waiting", events=len(batch), error=str(error))
            return False
        await self._outbox.settle([one.position for one in batch])
        return True
