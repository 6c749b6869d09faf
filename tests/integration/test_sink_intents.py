"""What a sink announced before it died is stored once, whether it was inserted, and whoever has its partitions by then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from harness.kafka.brokers import Brokers
from harness.kafka.mock_kafka import know_schemas
from harness.samples.builders import NOON_US, completed
from harness.store.lineage_store import migrated, store
from harness.waiting import LOOK_S, PATIENCE_S
from weir.cli.stack.topics import create_topics
from weir.events import SCHEMA_JSON, encode_body, frame, named_id, writer_schema
from weir.events.log import OffsetRange
from weir.lineage.settings import LineageSettings
from weir.lineage.sink.core.intent import done, intent
from weir.lineage.sink.core.message import Body
from weir.lineage.sink.inserter import Inserter, WriterSchema
from weir.lineage.sink.sink import Sink
from weir.lineage.sink.storing import Storing
from weir.lineage.store.store import Store
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.rejects import Limits

__all__ = ["migrated", "store"]

TOPIC, PARTITIONS, MESSAGES, SCHEMA_ID = "inference-responses", 3, 6, 7
TABLES = ("inference_responses", "edges_by_source", "edges_by_target")
ENDS = dict.fromkeys(range(PARTITIONS), MESSAGES)
pytestmark = pytest.mark.capability("X1")


class OneSchema:
    """A registry that knows the answers' schema alone."""

    def schema_of(self, schema_id: int) -> WriterSchema:
        assert schema_id == SCHEMA_ID
        text = SCHEMA_JSON["InferenceCompleted"]
        return WriterSchema("InferenceCompleted", writer_schema(text)[1], text)


class World:
    """A store, and the ranges of three partitions that a sink announced before it died."""

    def __init__(self, store: Store, bootstrap: str, folder: Path, group: str) -> None:
        self.store = store
        self.settings = LineageSettings(data_dir=folder, kafka_bootstrap=bootstrap, group=group)
        know_schemas(folder / "lineage" / "schema-ids.json")
        topic_id = TopicIds(bootstrap, PATIENCE_S).of([TOPIC])[TOPIC]
        self.ranges = tuple(OffsetRange(TOPIC, number, number, 3 + number, topic_id) for number in range(PARTITIONS))

    def insert_announced(self) -> None:
        bodies = [
            Body(offset, SCHEMA_ID, body_of(one.partition, offset), NOON_US, one.partition)
            for one in self.ranges
            for offset in range(one.first, one.end)
        ]
        assert Inserter(self.store, OneSchema()).insert(self.ranges, bodies, lambda _: False) == []

    def commit(self, offsets: Mapping[int, tuple[int, str]]) -> None:
        """What the sink before had committed: offset and metadata by partition."""
        wanted = [KafkaPartition(TOPIC, number, offset, metadata=text) for number, (offset, text) in offsets.items()]
        consumer = self._consumer()
        consumer.commit(offsets=wanted, asynchronous=False)
        consumer.close()

    def committed(self) -> dict[int, int]:
        consumer = self._consumer()
        found = consumer.committed([KafkaPartition(TOPIC, number) for number in range(PARTITIONS)], timeout=PATIENCE_S)
        consumer.close()
        return {one.partition: one.offset for one in found}

    def rows(self) -> list[int]:
        """Rows of each table, whatever repeats."""
        return [int(self.store.rows(f"SELECT count() AS n FROM {table}")[0]["n"]) for table in TABLES]

    def ids(self) -> set[str]:
        return {str(row["event_id"]) for row in self.store.rows("SELECT event_id FROM inference_responses")}

    def expected(self) -> set[str]:
        """What was announced, and what stands behind it."""
        return {id_of(one.partition, offset) for one in self.ranges for offset in range(one.first, MESSAGES)}

    @asynccontextmanager
    async def sinking(self) -> AsyncIterator[None]:
        link, stop = link_from(self.settings, "lineage"), asyncio.Event()
        letters = link.dead_letters(self.settings.group, Limits(3, 1.0, 10))
        inserter, loop = Inserter(self.store, OneSchema()), asyncio.get_running_loop()
        storing = Storing(inserter, letters, self.settings.message_bytes_max, loop)
        running = asyncio.create_task(Sink(self.settings, storing).run(stop))
        try:
            yield
        finally:
            stop.set()
            await running
            await link.close()

    async def until_committed(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await asyncio.to_thread(self.committed) != ENDS:
                await asyncio.sleep(LOOK_S)

    def _consumer(self) -> Consumer:
        """A client that asks and commits as the group, and joins nothing."""
        return Consumer({"bootstrap.servers": self.settings.kafka_bootstrap, "group.id": self.settings.group})


def body_of(partition: int, offset: int) -> bytes:
    name = id_of(partition, offset)
    return encode_body(replace(completed(offset), event_id=name, request_id=name))


def id_of(partition: int, offset: int) -> str:
    return named_id(NOON_US, f"{partition} {offset}")


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """A broker with some answers in each of three partitions."""
    with Brokers(1) as brokers:
        create_topics(brokers.bootstrap)
        producer = Producer({"bootstrap.servers": brokers.bootstrap})
        for number in range(PARTITIONS * MESSAGES):
            partition, offset = number % PARTITIONS, number // PARTITIONS
            producer.produce(TOPIC, value=frame(SCHEMA_ID, body_of(partition, offset)), partition=partition)
        assert producer.flush(PATIENCE_S) == 0
        yield brokers.bootstrap


@pytest.mark.parametrize("is_inserted", [False, True])
async def test_what_was_announced_before_a_crash_is_stored_once(
    bootstrap: str, store: Store, tmp_path: Path, *, is_inserted: bool
) -> None:
    world = World(store, bootstrap, tmp_path / "sink", f"crashed-{is_inserted}")
    if is_inserted:
        world.insert_announced()
    world.commit({one.partition: (one.first, intent(one, world.ranges)) for one in world.ranges})
    async with world.sinking():
        await world.until_committed()

    assert world.ids() == world.expected()
    assert world.rows() == [len(world.expected()), 2 * len(world.expected()), 2 * len(world.expected())]


async def test_who_is_given_one_of_the_partitions_inserts_all_that_was_announced_with_it(
    bootstrap: str, store: Store, tmp_path: Path
) -> None:
    """The others were finished and committed by another member."""
    world = World(store, bootstrap, tmp_path / "sink", "shared")
    world.insert_announced()
    mine, *others = world.ranges
    committed = {one.partition: (one.end, done(one.topic_id)) for one in others}
    world.commit({mine.partition: (mine.first, intent(mine, world.ranges)), **committed})
    async with world.sinking():
        await world.until_committed()

    assert world.ids() == world.expected()
    assert world.rows()[0] == len(world.expected())
