"""Commits of a membership: asked for, then polled for until the broker answers, or given up.

The client's own synchronous commit does neither (librdkafka 2.16). Seen with the fault broker-frozen: the group had dropped
the member, the broker answered everybody else, and the sink's thread stood in that commit until the process was killed.
The likely reason is a rebalance that waits for a poll of the thread that waits in the commit; polling serves it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from weir.lineage.sink.core.client_call import ClientCall
from weir.lineage.sink.group import HEARTBEAT_S, Kept

ANSWER_S = 30.0
"""Seconds the broker has to answer; then the membership is given up. Chosen: three sessions."""

QUICK_S = 1.0
"""Seconds before the partitions are paused: an answer takes milliseconds, and a pause drops what was fetched ahead."""

POLL_S = 0.01
"""Seconds of one poll while the answer is awaited. Chosen: it comes in one or two."""


class MembershipLost(Exception):
    """The group does not take this member's commits: another has its partitions, or the broker lost the session."""


class Commits:
    """The commits of one membership, one at a time."""

    def __init__(self, call: ClientCall) -> None:
        """call: notes each call of the client while an answer is awaited."""
        self._call = call
        self._answer: tuple[KafkaError | None, list[TopicPartition]] | None = None

    def take_answer(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """The client's callback, called in a poll."""
        self._answer = error, partitions

    def commit(self, consumer: Any, partitions: Sequence[TopicPartition], take: Callable[[Message], None]) -> None:
        """Commit, or give the membership up. take: called with a message or an error that comes meanwhile.

        Raises MembershipLost.
        """
        self._answer = None
        try:
            consumer.commit(offsets=list(partitions), asynchronous=True)
            error, done = self._await_answer(consumer, take)
        except KafkaException as refused:
            raise MembershipLost(f"commit refused: {refused}") from refused
        refusals = [one for one in done if one.error is not None]
        if refusals:
            raise MembershipLost(f"commit refused: {refusals[0].topic}/{refusals[0].partition}: {refusals[0].error}")
        if error is not None:
            raise MembershipLost(f"commit refused: {error}")

    def _await_answer(
        self, consumer: Any, take: Callable[[Message], None]
    ) -> tuple[KafkaError | None, list[TopicPartition]]:
        asked_s = time.monotonic()
        while self._answer is None and time.monotonic() < asked_s + QUICK_S:
            message = consumer.poll(POLL_S)
            if message is not None:
                take(message)
        with Kept(consumer, self._call, threading.Event(), take) as kept:  # a stop waits for the answer too
            while self._answer is None and time.monotonic() < asked_s + ANSWER_S:
                kept.wait(HEARTBEAT_S)
        if self._answer is None:
            raise MembershipLost(f"the broker did not answer a commit within {ANSWER_S:.0f} s")
        return self._answer
