"""The registry and its followers on a real broker: nothing stands still when the topic, or the whole disk, was made anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from harness.kafka.brokers import Brokers
from harness.kafka.mock_kafka import know_schemas
from harness.samples.builders import one_of_each
from harness.waiting import eventually
from weir.cli.stack.topics import create_topics
from weir.events import TOPICS, Event, RegistryChanged, encode_body, frame
from weir.registry.adapters import outbox
from weir.registry.adapters.change_outbox import ChangeOutbox
from weir.registry.adapters.database import Database
from weir.registry.app.app import Registry
from weir.runtime.kafka.follow import Follower
from weir.runtime.kafka.link import link_from
from weir.runtime.kafka.relay import Relay
from weir.runtime.kafka.topic_ids import TopicIds
from weir.runtime.settings import SharedSettings

TOPIC = "registry-changes"
NOTICED_WITHIN_S = 60.0
"""Seconds for the follower to notice: ten times the pause between two of its looks."""

change = next(event for event in one_of_each() if isinstance(event, RegistryChanged))


@pytest.fixture(scope="module")
def broker() -> Iterator[Brokers]:
    with Brokers(1) as brokers:
        yield brokers


class Following:
    """A running follower and the names that it was told."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        know_schemas(folder / "reader" / "schema-ids.json")
        self._link = link_from(SharedSettings(data_dir=folder, kafka_bootstrap=bootstrap), "reader")
        self.names: list[str] = []
        self.follower = Follower(bootstrap=bootstrap, topic=TOPIC, serde=self._link.serde, apply=self._apply)

    def _apply(self, event: Event) -> None:
        assert isinstance(event, RegistryChanged)
        self.names.append(event.name)

    async def until(self, name: str) -> None:
        await asyncio.to_thread(
            eventually, lambda: name in self.names, within_s=NOTICED_WITHIN_S, what=f"{name} at the follower"
        )


@pytest.fixture
async def following(broker: Brokers, tmp_path: Path) -> AsyncIterator[Following]:
    await asyncio.to_thread(create_topics, broker.bootstrap)
    reader, stop = Following(broker.bootstrap, tmp_path), asyncio.Event()
    running = asyncio.create_task(reader.follower.run(stop))
    yield reader
    stop.set()
    await running


@pytest.mark.capability("X1")
async def test_a_follower_reads_a_topic_that_was_made_anew_from_its_beginning(
    broker: Brokers, following: Following
) -> None:
    await asyncio.to_thread(tell, broker, ["a", "b", "c"])
    await following.until("c")

    await asyncio.to_thread(delete_topic, broker)
    await asyncio.to_thread(create_topics, broker.bootstrap)
    # More than it had read of the old topic: an offset alone would not show that this is another one.
    await asyncio.to_thread(tell, broker, ["d", "e", "f", "g", "h"])

    await following.until("h")
    assert following.names[-5:] == ["d", "e", "f", "g", "h"]


@pytest.mark.capability("X1")
async def test_a_follower_goes_on_when_the_broker_lost_its_disk(broker: Brokers, following: Following) -> None:
    await asyncio.to_thread(tell, broker, ["i"])
    await following.until("i")

    await asyncio.to_thread(broker.kill, 1)
    broker.empty(1)
    await asyncio.to_thread(broker.start, 1)
    await asyncio.to_thread(broker.until_answering)
    await asyncio.to_thread(create_topics, broker.bootstrap)
    await asyncio.to_thread(tell, broker, ["j", "k"])

    await following.until("k")
    assert following.names[-2:] == ["j", "k"]


@pytest.mark.capability("X1")
async def test_the_registry_tells_a_topic_that_was_made_anew_every_change(broker: Brokers, tmp_path: Path) -> None:
    """Who starts after the loss follows the new topic alone, and knows what was applied before."""
    await asyncio.to_thread(create_topics, broker.bootstrap)
    database = Database(f"sqlite:///{tmp_path / 'registry.db'}")
    with database.writing() as connection:
        outbox.set_up_numbering(connection, "registry/1", 1_795_521_600_000_000)
    know_schemas(tmp_path / "registry" / "schema-ids.json")
    link = link_from(SharedSettings(data_dir=tmp_path, kafka_bootstrap=broker.bootstrap), "registry")
    relay = Relay(ChangeOutbox(database, TopicIds(broker.bootstrap, 5)), link.producer, 200, 0.1)
    registry, stop = Registry(database, relay.announce), asyncio.Event()
    relaying = asyncio.create_task(relay.run(stop))
    await asyncio.to_thread(registry.apply, [policy("before")], "me", dry_run=False)
    await asyncio.to_thread(eventually, lambda: not unsent(database), within_s=NOTICED_WITHIN_S, what="changes sent")

    await asyncio.to_thread(delete_topic, broker)
    await asyncio.to_thread(create_topics, broker.bootstrap)
    await asyncio.to_thread(registry.apply, [policy("after")], "me", dry_run=False)

    late, stop_late = Following(broker.bootstrap, tmp_path / "late"), asyncio.Event()
    following = asyncio.create_task(late.follower.run(stop_late))
    await late.until("before")
    await late.until("after")
    stop_late.set()
    stop.set()
    await asyncio.gather(following, relaying)
    await link.close()
    database.close()


def policy(name: str) -> dict[str, object]:
    return {"kind": "policy", "name": name, "version": "1", "spec": {"input_bytes_max": 1}}


def unsent(database: Database) -> int:
    with database.reading() as connection:
        return outbox.waiting_count(connection)


def tell(broker: Brokers, names: list[str]) -> None:
    """Write a change of each name."""
    producer = Producer({"bootstrap.servers": broker.bootstrap, "log_level": 2})
    schema_id = list(TOPICS).index(TOPIC) + 1
    for name in names:
        producer.produce(TOPIC, frame(schema_id, encode_body(replace(change, name=name))), key=name.encode())
    assert producer.flush(30) == 0


def delete_topic(broker: Brokers) -> None:
    admin = AdminClient({"bootstrap.servers": broker.bootstrap, "log_level": 2})
    for answer in admin.delete_topics([TOPIC], operation_timeout=30).values():
        answer.result(30)
    gone = lambda: TOPIC not in admin.list_topics(timeout=10).topics  # noqa: E731  # a condition for `eventually`
    eventually(gone, within_s=NOTICED_WITHIN_S, what=f"{TOPIC} gone")
