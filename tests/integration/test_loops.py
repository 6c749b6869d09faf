"""The loops keep their contract on a real broker, a killed process among it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from harness.kafka.brokers import Brokers
from harness.kafka.loop_laws import SERVICE, TOPIC, ProcessLaws, World
from harness.kafka.mock_kafka import know_schemas
from weir.cli.stack.topics import create_topics
from weir.runtime.kafka.link import link_from
from weir.runtime.settings import SharedSettings

pytestmark = pytest.mark.capability("X1")


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    with Brokers(1) as brokers:
        create_topics(brokers.bootstrap)
        admin = AdminClient({"bootstrap.servers": brokers.bootstrap})
        admin.create_partitions([NewPartitions(TOPIC, 2)])[TOPIC].result(30)
        yield brokers.bootstrap


@pytest.fixture
async def world(broker: str, tmp_path: Path) -> AsyncIterator[World]:
    know_schemas(tmp_path / SERVICE / "schema-ids.json")
    link = link_from(SharedSettings(data_dir=tmp_path, kafka_bootstrap=broker), SERVICE)
    await link.producer.start(asyncio.Event())
    yield World(broker, link, tmp_path)
    await link.close()


class TestLoops(ProcessLaws):
    """All laws, and the one that takes a process."""
