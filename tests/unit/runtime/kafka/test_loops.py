"""The loops keep their contract on librdkafka's mock cluster. What takes several members is in tests/integration."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.kafka.loop_laws import SERVICE, LoopLaws, World
from harness.kafka.mock_kafka import MockKafka

pytestmark = pytest.mark.capability("X1")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    kafka = MockKafka()
    link = kafka.link(tmp_path, SERVICE)
    await link.producer.start(asyncio.Event())
    yield World(kafka.bootstrap, link, tmp_path)
    await link.close()


@pytest.mark.slow
class TestLoops(LoopLaws):
    """The laws of one member."""
