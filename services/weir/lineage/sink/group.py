"""The consumer group of the sink: how it is joined, and how membership is kept while the store makes the sink wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from weir.events import TOPICS
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.client_call import ClientCall

SESSION_MS = 10_000
"""Milliseconds without a heartbeat before the group gives the partitions away. Chosen: a killed sink is back before."""

HEARTBEAT_S = 0.5
"""Seconds between polls while the store waits. Chosen: short against the poll interval, and a stop is obeyed at once."""

OnCommit = Callable[[KafkaError | None, list[TopicPartition]], None]
OnPartitions = Callable[[Any, Sequence[TopicPartition]], None]


def join(settings: LineageSettings, assigned: OnPartitions, revoked: OnPartitions, on_commit: OnCommit) -> Any:
    """A member of the group, subscribed to every topic; joins in its first polls. on_commit: called for every commit."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap,
            "group.id": settings.group,
            "group.instance.id": instance_id(settings),
            "session.timeout.ms": SESSION_MS,
            "enable.auto.commit": False,
            "on_commit": on_commit,
            "auto.offset.reset": "earliest",
            "max.poll.interval.ms": settings.poll_interval_s * 1_000,
            "fetch.wait.max.ms": 50,
            "queued.max.messages.kbytes": settings.queue_bytes_max // 1_024,
            "partition.assignment.strategy": "cooperative-sticky",
            "topic.metadata.refresh.interval.ms": 5_000,
            "reconnect.backoff.max.ms": 1_000,
            "allow.auto.create.topics": False,
            "log_level": 2,
        },
    )
    consumer.subscribe(list(TOPICS), on_assign=assigned, on_revoke=revoked, on_lost=revoked)
    return consumer


def instance_id(settings: LineageSettings) -> str:
    """What the group calls this member, whichever of its processes runs."""
    return f"{settings.group}-{settings.instance}"


class Kept:
    """Keeps a membership alive while an insert waits: pauses every partition at the first wait, resumes at the end.

    A paused consumer drops what it fetched ahead, so memory does not grow with the outage; lag does.
    """

    def __init__(self, consumer: Any, call: ClientCall, stop: threading.Event, take: Callable[[Message], None]) -> None:
        """call: notes each call of the client. take: called with a message or an error that comes while waiting; may raise
        to give the round up."""
        self._consumer = consumer
        self._call = call
        self._stop = stop
        self._take = take
        self._paused: list[TopicPartition] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._paused:
            return
        with self._calling("resume"):
            held = {(one.topic, one.partition) for one in self._consumer.assignment()}
            if still := [one for one in self._paused if (one.topic, one.partition) in held]:
                self._consumer.resume(still)

    def wait(self, seconds: float) -> bool:
        """Wait so long, heartbeating. False at once when the sink is to stop."""
        if not self._paused:
            with self._calling("pause"):
                self._paused = self._consumer.assignment()
                self._consumer.pause(self._paused)
        until_s = time.monotonic() + seconds
        while (left_s := until_s - time.monotonic()) > 0 and not self._stop.is_set():
            with self._calling("poll"):
                message = self._consumer.poll(min(left_s, HEARTBEAT_S))
            if message is not None:
                self._take(message)
        return not self._stop.is_set()

    @contextmanager
    def _calling(self, name: str) -> Iterator[None]:
        self._call.enter(name, time.monotonic())
        try:
            yield
        finally:
            self._call.leave()
