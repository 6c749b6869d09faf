"""A real client waits after metadata that it could not get, and only then."""

from __future__ import annotations

from aiokafka.client import AIOKafkaClient

from harness.kafka.mock_kafka import MockKafka
from weir.runtime.kafka.metadata_pause import PAUSE_S, pause_after_failure


class Clock:
    """Remembers what it was asked to wait, and waits for nothing."""

    def __init__(self) -> None:
        self.waited_s: list[float] = []

    async def sleep(self, pause_s: float) -> None:
        self.waited_s.append(pause_s)


async def test_a_client_without_a_broker_waits_every_time() -> None:
    client, clock = AIOKafkaClient(bootstrap_servers="127.0.0.1:1"), Clock()
    pause_after_failure(client, clock.sleep)
    assert [await client._metadata_update(client.cluster, set()) for _ in range(3)] == [False] * 3
    assert clock.waited_s == [PAUSE_S] * 3


async def test_a_client_with_a_broker_does_not_wait() -> None:
    kafka, clock = MockKafka(), Clock()
    client = AIOKafkaClient(bootstrap_servers=kafka.bootstrap)
    pause_after_failure(client, clock.sleep)
    await client.bootstrap()
    try:
        assert await client.force_metadata_update()  # the client's own way to the method that was replaced
        assert clock.waited_s == []
    finally:
        await client.close()
