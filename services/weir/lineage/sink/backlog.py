"""The backlog: messages in Kafka that the sink has not committed yet, asked of the broker."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]  # exported at run time only

from weir.events import TOPICS
from weir.events.log import TopicPartition
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.group import instance_id

ASK_TIMEOUT_S = 5.0
"""Seconds for one answer of the broker. Arbitrary: it answers in milliseconds, in one second when busy; any value from 2 to
10, the audit's own wait, would do."""

CAUGHT_UP_WITHIN_S = 10.0
"""Seconds the audit waits for the sink. Chosen: below the client's 30 s."""

LOOK_EVERY_S = 0.1
"""Seconds between two looks. Chosen: half the sink's flush."""


class Backlog:
    """Asks on connections of its own, made at the first question; blocking."""

    def __init__(self, settings: LineageSettings) -> None:
        self._settings = settings
        self._admin: AdminClient | None = None
        self._closing = threading.Event()

    def messages(self) -> dict[str, int] | None:
        """Messages not committed, by topic, without topics that have none; None while the broker does not answer."""
        try:
            ends, committed = self.ends(), self.committed()
        except KafkaException:
            return None
        behind: dict[str, int] = {}
        for one, end in ends.items():
            done = committed.get(one, 0)
            waiting = end - done if done <= end else end  # a commit behind the end is one of a topic that is gone
            if waiting > 0:
                behind[one.topic] = behind.get(one.topic, 0) + waiting
        return behind

    def caught_up(self) -> bool:
        """Wait until everything that is in Kafka now is committed. False when that takes longer than the limit."""
        try:
            ends = self.ends()
            until_s = time.monotonic() + CAUGHT_UP_WITHIN_S
            while True:
                committed = self.committed()
                if all(committed.get(one, 0) >= end for one, end in ends.items()):
                    return True
                if time.monotonic() > until_s or self._closing.wait(LOOK_EVERY_S):
                    return False
        except KafkaException:
            return False

    def ends(self) -> dict[TopicPartition, int]:
        """The offset after the last message of every partition. Raises KafkaException while the broker does not answer."""
        return self._offsets(OffsetSpec.latest())  # type: ignore[no-untyped-call]  # an untyped library

    def begins(self) -> dict[TopicPartition, int]:
        """The offset of the first message that is still there. Raises as `ends`."""
        return self._offsets(OffsetSpec.earliest())  # type: ignore[no-untyped-call]  # as above

    def committed(self) -> dict[TopicPartition, int]:
        """The next offset of every partition that the group committed one of. Raises as `ends`."""
        group = self._settings.group
        with self._client() as client:
            asked = [ConsumerGroupTopicPartitions(group)]
            answer = client.list_consumer_group_offsets(asked, request_timeout=ASK_TIMEOUT_S)[group].result()
        return {TopicPartition(one.topic, one.partition): max(one.offset, 0) for one in answer.topic_partitions}

    def of_others(self) -> set[TopicPartition]:
        """The partitions that the group gave to other members. Raises as `ends`."""
        group, mine = self._settings.group, instance_id(self._settings)
        with self._client() as client:
            found = client.describe_consumer_groups([group], request_timeout=ASK_TIMEOUT_S)[group].result()
        others = [one.assignment.topic_partitions for one in found.members if one.group_instance_id != mine]
        return {TopicPartition(one.topic, one.partition) for given in others for one in given}

    def close(self) -> None:
        """Let nobody wait any longer: the service stops."""
        self._closing.set()

    @contextmanager
    def _client(self) -> Iterator[AdminClient]:
        """The client for one question. Where the broker does not answer it, the next has a new one: a client that
        knows a newer epoch of a leader than a broker that was killed and came back believes no answer any more.
        """
        client = self._admin
        if client is None:
            client = self._admin = AdminClient({"bootstrap.servers": self._settings.kafka_bootstrap, "log_level": 2})
        try:
            yield client
        except KafkaException:
            self._admin = None
            raise

    def _offsets(self, which: OffsetSpec) -> dict[TopicPartition, int]:
        asked = {KafkaPartition(name, n): which for name, topic in TOPICS.items() for n in range(topic.partitions)}
        with self._client() as client:
            answers = client.list_offsets(asked, request_timeout=ASK_TIMEOUT_S)
            return {TopicPartition(one.topic, one.partition): answer.result().offset for one, answer in answers.items()}
