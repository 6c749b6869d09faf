"""Handling: the contract of every consumer group that decodes, whatever client reads its messages.

    poll         the client's loop hands over messages of one partition, in order
    decode       a message that is no event is dead-lettered, and the partition goes on
    handle       the handler returns when the effect is durable, or in the state that is saved before the commit; only then
                 are the offsets committed, so a kill at any point repeats messages and loses none
    InvalidEvent the messages are handled one by one and the bad one is dead-lettered
    Retryable    the same step is tried again after a pause; the offset stays, lag grows, memory does not
    TooManyRejects  the group halts, not ready, with its offset where it was, until a person starts it again
    else         the process ends, its supervisor starts it again, and the messages come again; a message after
                 which the process ended three times is dead-lettered (`culprits`)
    stop         what is in work ends first, unless the world is bad: then its offset stays

Two loops keep it (ADR 20): `consumer` (batches, for who works on many messages at once) and `stream` (faust, message by message).
The sink of lineage keeps the same contract in a loop of its own, because it does not decode.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from weir.events import Event, InvalidEvent
from weir.events.log import RawMessage
from weir.events.trace_context import TraceContext
from weir.runtime.errors import Retryable
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.kafka.message_trace import trace_of_message
from weir.runtime.kafka.retries import retry
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.metrics import LAG, MESSAGES


@dataclass(frozen=True, slots=True)
class Received:
    """A decoded message and its place in the log."""

    message: RawMessage
    event: Event
    trace: TraceContext | None = None
    """Context under which the message was made; None where it belongs to no trace."""


BatchHandler = Callable[[Sequence[Received]], Awaitable[None]]
"""Handles messages of one partition, in order; returns when their effect is durable, or in the state that is saved."""

Result = TypeVar("Result")


class Handling:
    """Takes messages of one consumer group to their end: handled or dead-lettered, each of them."""

    def __init__(self, group: str, serde: Serde, dead_letters: DeadLetters, handle: BatchHandler) -> None:
        self.group = group
        self._serde = serde
        self._dead_letters = dead_letters
        self._handle = handle

    async def finish(self, batch: Sequence[RawMessage], stop: asyncio.Event) -> bool:
        """Handle messages of one partition, at least one. False when a stop came while the world was bad: they must not be
        committed then. Raises TooManyRejects, and what the handler raises that nobody foresaw.
        """
        try:
            received = [
                one for message in batch if (one := await self._decode_or_dead_letter(message, stop)) is not None
            ]
            if received:
                await self._handle_all(received, stop)
        except Retryable:
            return False
        MESSAGES.labels(self.group, batch[0].topic).inc(len(batch))
        return True

    async def _decode_or_dead_letter(self, message: RawMessage, stop: asyncio.Event) -> Received | None:
        try:
            return await self._try(partial(self._decode, message), [message], stop)
        except InvalidEvent as error:
            await self._dead_letter(message, error, stop)
            return None

    async def _decode(self, message: RawMessage) -> Received:
        self._dead_letters.culprits.check(message)
        event = await self._serde.decode(message.topic, message.value)
        return Received(message, event, trace_of_message(message.topic, message.headers, event))

    async def _handle_all(self, received: Sequence[Received], stop: asyncio.Event) -> None:
        messages = [one.message for one in received]
        is_alone = len(messages) == 1
        if not is_alone and any(map(self._dead_letters.culprits.suspects, messages)):
            await self._one_by_one(received, stop)
            return
        try:
            await self._try(partial(self._handle, received), messages, stop)
        except InvalidEvent as error:
            if is_alone:
                await self._dead_letter(messages[0], error, stop)
            else:
                await self._one_by_one(received, stop)
        else:
            self._dead_letters.note_good(messages[0].topic_partition, len(messages))

    async def _one_by_one(self, received: Sequence[Received], stop: asyncio.Event) -> None:
        for one in received:
            await self._handle_all([one], stop)

    async def _dead_letter(self, message: RawMessage, error: InvalidEvent, stop: asyncio.Event) -> None:
        await retry(partial(self._dead_letters.put, message, error), stop, self.group, message.topic)

    async def _try(
        self, work: Callable[[], Awaitable[Result]], messages: Sequence[RawMessage], stop: asyncio.Event
    ) -> Result:
        """The work's result; messages whose work fails for a reason that nobody foresaw are remembered."""
        try:
            return await retry(work, stop, self.group, messages[0].topic)
        except (InvalidEvent, Retryable):
            raise
        except Exception as error:
            self._dead_letters.culprits.blame(messages, error)
            raise


def note_lag(group: str, topic: str, partition: int, done: int, end: int | None) -> None:
    """Show how many messages of a partition are left. done: the offset after the last committed message. end: the offset after
    the log's last message; None where the client does not know it.
    """
    if end is not None:
        LAG.labels(group, topic, str(partition)).set(max(0, end - done))
