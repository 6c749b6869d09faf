"""A sink without partitions: idle while another member has them, whatever keeps that one; starved when nobody has them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

from harness.kafka.brokers import Brokers
from harness.waiting import eventually
from weir.cli.stack.topics import create_topics
from weir.events import TOPICS
from weir.events.log import TopicPartition
from weir.lineage.settings import LineageSettings
from weir.lineage.sink import sink as module
from weir.lineage.sink.backlog import Backlog
from weir.lineage.sink.commit import MembershipLost
from weir.lineage.sink.group import join
from weir.lineage.sink.sink import Sink

pytestmark = pytest.mark.capability("X1")

WITHIN_S = 60.0
"""Seconds for a group to give all partitions to its one member. Arbitrary: any value from 30 to 300 would do."""

ALL = {TopicPartition(name, number) for name, topic in TOPICS.items() for number in range(topic.partitions)}


@pytest.fixture
def broker() -> Iterator[Brokers]:
    with Brokers(1) as brokers:
        create_topics(brokers.bootstrap)
        yield brokers


def test_an_idle_member_joins_again_only_when_nobody_reads(
    broker: Brokers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STARVED_S", 0.0)
    monkeypatch.setattr(module, "ENDS_EVERY_S", 0.0)
    reader, idle = (settings(broker, tmp_path, instance) for instance in ("1", "2"))
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("feedback", b"x")
    assert producer.flush(60) == 0
    member = join(reader, lambda consumer, given: consumer.incremental_assign(list(given)), ignored, ignored)
    try:
        eventually(lambda: member.poll(0.1) is not None or member.assignment(), within_s=WITHIN_S, what="partitions")
        assert (Backlog(idle).of_others(), Backlog(reader).of_others()) == (ALL, set())

        looks(idle)
    finally:
        member.close()

    # A static member that closes stays in the group until its session is over.
    eventually(lambda: not Backlog(idle).of_others(), within_s=WITHIN_S, what="a group without members")
    with pytest.raises(MembershipLost, match="nothing was read .* of what has more: feedback/"):
        looks(idle)


def looks(of: LineageSettings) -> None:
    """Two looks of a sink that was given no partition."""
    unused: Any = None
    sink = Sink(of, unused)
    for _ in range(2):
        sink._look_at_ends()


def settings(broker: Brokers, folder: Path, instance: str) -> LineageSettings:
    return LineageSettings(data_dir=folder, kafka_bootstrap=broker.bootstrap, instance=instance)


def ignored(*_: object) -> None:
    """What the group tells otherwise."""
