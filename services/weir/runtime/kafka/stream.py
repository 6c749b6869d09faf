"""The stream processor under drift and evaluator: a faust application that keeps the promises of our own consumer.

    InvalidEvent    the message is dead-lettered and the partition goes on
    Retryable       the same message is tried again after a pause; it is not acknowledged meanwhile
    TooManyRejects  the stream halts, not ready, until a person starts it again
    anything else   `run` stops the application and raises; the message was not acknowledged and is delivered again;
                    a message that ends three lives so is dead-lettered (`culprits`)

Faust alone would acknowledge a message whose handler raised. So every agent reads without acknowledgements, a message
is acknowledged here once it was handled (or once the handler's state was saved), and a handler that fails for good
leaves its agent waiting, never returning, until the process ends. Agents run with concurrency 1, because with more of
them faust commits past a message that is still in hand. No tables, no web server, no worker process of its own.

Messages of all topics are handled one at a time, in order within a partition. What is done twice after a crash must be
harmless: events derive their ids from their cause, and a saved state names the offsets it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.types import TP

from weir.events import InvalidEvent
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import Retryable, TooManyRejects
from weir.runtime.files.durable import private_folder
from weir.runtime.halt import ended, halted
from weir.runtime.kafka.consumer import BACKOFF_S, Received
from weir.runtime.kafka.deadletter import DeadLetters, RawMessage
from weir.runtime.kafka.message_trace import trace_of_message
from weir.runtime.kafka.producer import RECONNECT_S
from weir.runtime.kafka.serde import Serde
from weir.runtime.kafka.stream_app import application
from weir.runtime.telemetry.logs import logger
from weir.runtime.telemetry.metrics import LAG, MESSAGES, RETRIES
from weir.runtime.waits import wait_or_stop

Handler = Callable[[Received], Awaitable[None]]
"""Handles one message and returns when its effect is durable, or in the state that `Save` writes."""

Save = Callable[[], Awaitable[None]]
"""Writes the state that all messages handled so far have made; they are acknowledged when it returns."""

SAVE_EVERY_MESSAGES = 500
"""Messages handled between two saves, at most. What is handled again after a kill; any value from 100 to 5,000 would do."""

SAVE_EVERY_S = 2.0
"""Seconds between two saves while messages arrive. Chosen: as much work is repeated after a kill."""

GRACE_S = 5.0
"""Seconds that the message in hand may take once a stop was asked for. Chosen: below the supervisor's 20 s."""


class Stream:
    """One member of a consumer group over a few topics, with one handler a topic."""

    def __init__(
        self,
        *,
        bootstrap: str,
        group: str,
        instance: str,
        data_dir: Path,
        serde: Serde,
        dead_letters: DeadLetters,
        handlers: Mapping[str, Handler],
        save: Save | None = None,
        save_every_s: float = SAVE_EVERY_S,
        save_every_messages: int = SAVE_EVERY_MESSAGES,
    ) -> None:
        """handlers: by topic. data_dir: faust's own folder, used for nothing that matters.

        instance: name of this member, unique in the group and the same after a restart: the restarted process takes
        its partitions back at once instead of after a session's timeout.

        save: when given, messages are acknowledged only after it returned: every `save_every_s` seconds or
        `save_every_messages` messages, and once more at a clean stop.
        """
        self._bootstrap = bootstrap
        self._group = group
        self._instance = instance
        self._data_dir = data_dir
        self._serde = serde
        self._dead_letters = dead_letters
        self._handlers = dict(handlers)
        self._save = save
        self._save_every_s = save_every_s
        self._save_every_messages = save_every_messages
        self._hand = asyncio.Lock()
        self._unsaved: list[Any] = []
        self._saved_at_s = 0.0
        self._stop = asyncio.Event()
        self._failed: asyncio.Future[None] | None = None
        self.is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set; finishes the message in hand. Raises what a handler raised.

        While no broker answers at the start it tries again; a broker that goes away later is waited for by the client.
        """
        self._stop = stop
        self._failed = asyncio.get_running_loop().create_future()
        self._saved_at_s = monotonic_s()
        app = await self._started()
        if app is None:
            return
        self.is_ready = True
        stopping = asyncio.ensure_future(stop.wait())
        ended = asyncio.ensure_future(app.wait_until_stopped())
        endings: set[asyncio.Future[Any]] = {stopping, ended, self._failed}
        try:
            await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.is_ready = False
            stopping.cancel()
            await self._finish(app)
            ended.cancel()
        if self._failed.done():
            await self._end(stop)
        if not stop.is_set():
            raise RuntimeError(f"the stream of group {self._group!r} ended by itself: {app.crash_reason!r}")

    async def _end(self, stop: asyncio.Event) -> None:
        """Raise what a handler raised; a limit of dead letters is waited out instead."""
        assert self._failed is not None
        error = self._failed.exception()
        if not isinstance(error, TooManyRejects):
            self._failed.result()
            return
        halted(self._group, error)
        await stop.wait()
        ended(self._group)

    async def _started(self) -> faust.App | None:
        private_folder(self._data_dir)
        while not self._stop.is_set():
            if not await self._topics_exist():
                await wait_or_stop(self._stop, RECONNECT_S)
                continue
            app = application(self._bootstrap, self._group, self._instance, self._data_dir, self._handlers, self._agent)
            try:
                await app.start()
            except KafkaError as error:
                logger().warning("broker_unreachable", group=self._group, error=repr(error))
                await app.stop()
                await wait_or_stop(self._stop, RECONNECT_S)
            else:
                return app
        return None

    async def _topics_exist(self) -> bool:
        client = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await client.start()
            missing = sorted(set(self._handlers) - set(await client.list_topics()))
        except KafkaError as error:
            logger().warning("broker_unreachable", group=self._group, error=repr(error))
            return False
        finally:
            await client.close()
        if missing:
            logger().warning("topics_missing", group=self._group, topics=missing, hint="'weir up' creates the topics")
        return not missing

    async def _agent(self, stream: Any) -> None:
        unacknowledged = stream.noack()
        async for event in unacknowledged.events():
            async with self._hand:
                is_handled = await self._one(unacknowledged, event)
            if not is_handled:
                await asyncio.Event().wait()  # until faust cancels this agent: to return would be to go on

    async def _one(self, stream: Any, event: Any) -> bool:
        try:
            is_handled = await self._until_handled(_raw(event.message))
            if is_handled:
                self._unsaved.append((stream, event))
                await self._acknowledge(is_last=False)
        except Exception as error:  # noqa: BLE001  # `run` raises it; raised here faust would log it and go on
            self._fail(error)
            return False
        return is_handled

    async def _until_handled(self, message: RawMessage) -> bool:
        attempt = 0
        while not self._stop.is_set() and not self._has_failed():
            try:
                await self._once(message)
            except Retryable as error:
                RETRIES.labels(self._group, message.topic).inc()
                logger().warning(
                    "message_retried", group=self._group, topic=message.topic, attempt=attempt, error=str(error)
                )
                await wait_or_stop(self._stop, BACKOFF_S[min(attempt, len(BACKOFF_S) - 1)])
                attempt += 1
            else:
                MESSAGES.labels(self._group, message.topic).inc()
                return True
        return False

    async def _once(self, message: RawMessage) -> None:
        culprits = self._dead_letters.culprits
        try:
            event = await self._serde.decode(message.topic, message.value)
            culprits.check(message)
            trace = trace_of_message(message.topic, message.headers, event)
            await self._handlers[message.topic](Received(message, event, trace))
        except InvalidEvent as error:
            await self._dead_letters.put(message, error)
        except Exception as error:
            culprits.blame([message], error)
            raise
        else:
            self._dead_letters.note_good(message.topic, message.partition)

    async def _acknowledge(self, *, is_last: bool) -> None:
        if self._save is not None:
            is_due = (
                len(self._unsaved) >= self._save_every_messages
                or monotonic_s() - self._saved_at_s >= self._save_every_s
            )
            if not (is_due or is_last) or not self._unsaved:
                return
            await self._save()
            self._saved_at_s = monotonic_s()
        for stream, event in self._unsaved:
            await stream.ack(event)
            _note_lag(self._group, event)
        self._unsaved.clear()

    async def _finish(self, app: faust.App) -> None:
        try:
            async with asyncio.timeout(GRACE_S):
                await self._hand.acquire()
        except TimeoutError:
            logger().warning("message_left_unfinished", group=self._group, waited_s=GRACE_S)
        else:
            if not self._has_failed():
                await self._acknowledge(is_last=True)
            self._hand.release()
        await app.stop()

    def _has_failed(self) -> bool:
        return self._failed is not None and self._failed.done()

    def _fail(self, error: Exception) -> None:
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)


def _raw(message: Any) -> RawMessage:
    timestamp_us = int((message.timestamp or 0.0) * 1_000_000)
    place = message.topic, message.partition, message.offset
    return RawMessage(*place, message.key, message.value, timestamp_us, tuple(message.headers or ()))


def _note_lag(group: str, event: Any) -> None:
    message = event.message
    end = event.app.consumer.highwater(TP(message.topic, message.partition))
    if end is not None:
        LAG.labels(group, message.topic, str(message.partition)).set(max(0, end - message.offset - 1))
