"""The loops keep their contract on a real broker, a killed process among it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from harness.kafka.brokers import Brokers
from harness.kafka.loop_laws import KINDS, SERVICE, TOPIC, Group, RestartLaws, World, failing_at
from harness.kafka.mock_kafka import know_schemas
from harness.waiting import PATIENCE_S, eventually
from weir.cli.stack.topics import create_topics
from weir.runtime.kafka.culprits import PROCESSES_MAX
from weir.runtime.kafka.link import link_from
from weir.runtime.settings import SharedSettings

pytestmark = pytest.mark.capability("X1")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with Brokers(1) as brokers:
        create_topics(brokers.bootstrap)
        admin = AdminClient({"bootstrap.servers": brokers.bootstrap})
        admin.create_partitions([NewPartitions(TOPIC, 2)])[TOPIC].result(30)
        eventually(lambda: is_led(brokers.bootstrap), within_s=PATIENCE_S, what="a leader of both partitions")
        yield brokers.bootstrap


def is_led(bootstrap: str) -> bool:
    """Whether both partitions of the topic say where they end: a broker that has just made them is not their leader yet."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "look", "log_level": 0})
    try:
        for partition in (0, 1):
            consumer.get_watermark_offsets(TopicPartition(TOPIC, partition), timeout=PATIENCE_S)
    except KafkaException:
        return False
    finally:
        consumer.close()
    return True


@pytest.fixture
async def world(broker: str, tmp_path: Path) -> AsyncIterator[World]:
    know_schemas(tmp_path / SERVICE / "schema-ids.json")
    link = link_from(SharedSettings(data_dir=tmp_path, kafka_bootstrap=broker), SERVICE)
    await link.producer.start(asyncio.Event())
    yield World(broker, link, tmp_path)
    await link.close()


class TestLoops(RestartLaws):
    """All laws."""


@pytest.mark.parametrize("kind", KINDS)
async def test_a_message_that_kills_its_consumer_stops_the_group_for_a_few_starts_only(world: World, kind: str) -> None:
    group = Group(world, kind)
    world.produce(await world.good(8))
    unforeseen = failing_at(4, TypeError("nobody foresaw this"))

    for _ in range(PROCESSES_MAX):
        with pytest.raises(TypeError):
            await group.live(group.loop(unforeseen), until=lambda: False)
    await group.live_to(group.loop(unforeseen), 7)

    assert group.committed() == 8
    assert group.saved == [(0, number) for number in range(8) if number != 4]
    assert group.put_aside() == [(4, "handler_error")]
