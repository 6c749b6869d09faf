"""Kafka in, message by message: the loop of `handling` on a faust application, for drift and evaluator.

Faust alone would acknowledge a message whose handler raised. So every agent reads without acknowledgements, a message
is acknowledged here once it was handled (or once the handler's state was saved), and a handler that fails for good
leaves its agent waiting, never returning, until the process ends. Agents run with concurrency 1, because with more of
them faust commits past a message that is still in work. No tables, no web server, no worker process of its own.

Messages of all topics are handled one at a time, in order within a partition. What is done twice after a crash must be
harmless: events derive their ids from their cause, and a saved state names the offsets it has seen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import faust
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from faust.types import TP

from weir.events.log import RawMessage
from weir.runtime.clock import monotonic_s
from weir.runtime.files.durable import private_folder
from weir.runtime.halt import run_or_halt
from weir.runtime.kafka.connection import RECONNECT_S, connect
from weir.runtime.kafka.deadletter import DeadLetters
from weir.runtime.kafka.handling import Handling, Received, note_lag
from weir.runtime.kafka.retries import retry
from weir.runtime.kafka.serde import Serde
from weir.runtime.kafka.stream_app import application
from weir.runtime.telemetry.logs import logger
from weir.runtime.waits import first_of, wait_or_stop

MessageHandler = Callable[[Received], Awaitable[None]]
"""Handles one message and returns when its effect is durable, or in the state that `Save` writes."""

Save = Callable[[], Awaitable[None]]
"""Writes the state that all messages handled so far have made; they are acknowledged when it returns."""

SAVE_EVERY_MESSAGES = 500
"""Messages handled between two saves, at most. What is handled again after a kill; any value from 100 to 5,000 would do."""

SAVE_EVERY_S = 2.0
"""Seconds between two saves while messages arrive. Chosen: as much work is repeated after a kill."""

GRACE_S = 5.0
"""Seconds that the message in work may take once a stop was asked for. Chosen: below the supervisor's 20 s."""


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
        handlers: Mapping[str, MessageHandler],
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
        self._handlers = dict(handlers)
        self._handling = Handling(group, serde, dead_letters, self._handle)
        self._save = save
        self._save_every_s = save_every_s
        self._save_every_messages = save_every_messages
        self._turn = asyncio.Lock()
        self._unsaved: list[Any] = []
        self._saved_at_s = monotonic_s()
        self._stop = asyncio.Event()
        self._ended = asyncio.Event()
        self._error: Exception | None = None
        self.is_ready = False

    async def run(self, stop: asyncio.Event) -> None:
        """Process until `stop` is set; finishes the message in work. Raises what a handler raised.

        While no broker answers at the start it tries again; a broker that goes away later is waited for by the client.
        """
        await run_or_halt(self._group, self._process(stop), stop)

    async def _process(self, stop: asyncio.Event) -> None:
        self._stop = stop
        private_folder(self._data_dir)
        while not stop.is_set() and not await self._topics_exist():
            await wait_or_stop(stop, RECONNECT_S)
        app = await connect(self._application, stop, group=self._group)
        if app is None:
            return
        self.is_ready = True
        watching = asyncio.ensure_future(app.wait_until_stopped())
        watching.add_done_callback(lambda _: self._ended.set())
        try:
            await first_of(stop, self._ended)
        finally:
            self.is_ready = False
            await self._close(app)
            watching.cancel()
        if self._error is not None:
            raise self._error
        if not stop.is_set():
            raise RuntimeError(f"the stream of group {self._group!r} ended by itself: {app.crash_reason!r}")

    def _application(self) -> faust.App:
        return application(self._bootstrap, self._group, self._instance, self._data_dir, self._handlers, self._agent)

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
            async with self._turn:
                is_finished = await self._finish(unacknowledged, event)
            if not is_finished:
                await asyncio.Event().wait()  # until faust cancels this agent: to return would be to go on

    async def _finish(self, stream: Any, event: Any) -> bool:
        if self._stop.is_set() or self._ended.is_set():
            return False
        try:
            if not await self._handling.finish([_raw(event.message)], self._stop):
                return False
            self._unsaved.append((stream, event))
            await self._acknowledge(is_last=False)
        except Exception as error:  # noqa: BLE001  # `run` raises it; raised here faust would log it and go on
            self._error = error
            self._ended.set()
            return False
        return True

    async def _handle(self, received: Sequence[Received]) -> None:
        for one in received:
            await self._handlers[one.message.topic](one)

    async def _acknowledge(self, *, is_last: bool) -> None:
        if self._save is not None:
            is_due = (
                len(self._unsaved) >= self._save_every_messages
                or monotonic_s() - self._saved_at_s >= self._save_every_s
            )
            if not (is_due or is_last) or not self._unsaved:
                return
            await retry(self._save, self._stop, self._group, self._unsaved[0][1].message.topic)
            self._saved_at_s = monotonic_s()
        for stream, event in self._unsaved:
            await stream.ack(event)
            self._note_lag(event)
        self._unsaved.clear()

    async def _close(self, app: faust.App) -> None:
        """Wait for the message in work, save, and stop. No agent has its turn again."""
        try:
            async with asyncio.timeout(GRACE_S):
                await self._turn.acquire()
        except TimeoutError:
            logger().warning("message_left_unfinished", group=self._group, waited_s=GRACE_S)
        else:
            if self._error is None:
                await self._acknowledge(is_last=True)
        await app.stop()

    def _note_lag(self, event: Any) -> None:
        message = event.message
        end = event.app.consumer.highwater(TP(message.topic, message.partition))
        note_lag(self._group, message.topic, message.partition, message.offset + 1, end)


def _raw(message: Any) -> RawMessage:
    timestamp_us = int((message.timestamp or 0.0) * 1_000_000)
    headers = tuple(message.headers or ())
    return RawMessage(
        message.topic, message.partition, message.offset, message.key, message.value, timestamp_us, headers
    )
