"""The consumer: a bad message is put aside, a bad deploy stops it where it was, and what comes back goes on from there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from confluent_kafka import Consumer as RawConsumer
from confluent_kafka import Producer, TopicPartition

from builders import one_of_each
from knocking import knocking
from mock_kafka import MockKafka
from waiting import eventually
from weir.events import DeadLettered, FeedbackReceived, InvalidEvent, encode_body, frame
from weir.runtime.http.policy import Policy
from weir.runtime.http.server import application
from weir.runtime.kafka.consumer import Consumer
from weir.runtime.kafka.deadletter import TOPIC as DEAD_LETTERS
from weir.runtime.kafka.handling import Received
from weir.runtime.kafka.link import Link
from weir.runtime.rejects import Limits
from weir.runtime.telemetry.metrics import HALTED

pytestmark = pytest.mark.capability("X1")
TOPIC = "feedback"
POISON = b"not even framed"
PATIENCE_S = 30.0
LENIENT = Limits(in_a_row_max=1_000, share_max=1.0, window_messages=1_000)


@pytest.fixture
def kafka() -> MockKafka:
    return MockKafka()


@pytest.fixture
async def link(kafka: MockKafka, tmp_path: Path) -> AsyncIterator[Link]:
    link = kafka.link(tmp_path, "test")
    await link.producer.start(asyncio.Event())
    yield link
    await link.close()


class Life:
    """One life of a consumer; `handled` are the events that its handler got."""

    def __init__(self, kafka: MockKafka, link: Link, group: str, limits: Limits, *, refuses: bool = False) -> None:
        """refuses: its handler finds every event invalid."""
        self._refuses = refuses
        self.handled: list[str] = []
        self.stop = asyncio.Event()
        self._consumer = Consumer(
            bootstrap=kafka.bootstrap, group=group, topics=[TOPIC], serde=link.serde,
            dead_letters=link.dead_letters(group, limits), handle=self._handle, batch_messages_max=3,
        )  # fmt: skip

    async def _handle(self, batch: Sequence[Received]) -> None:
        if self._refuses:
            raise InvalidEvent("handler_error", "this deploy believes nothing")
        self.handled += [one.event.event_id for one in batch]

    async def until(self, condition: Callable[[], bool]) -> dict[str, str]:
        """Run until the condition holds; it may ask the broker, so it is looked at in a thread. Returns what is not ready."""
        running = asyncio.create_task(self._consumer.run(self.stop))
        await asyncio.to_thread(eventually, condition, within_s=PATIENCE_S, what="what the consumer was to do")
        missing = await not_ready()
        self.stop.set()
        await running
        return missing


async def not_ready() -> dict[str, str]:
    """What the readiness page of a service with this consumer says is missing."""
    async with knocking(application(dict, Policy())) as client:
        page = await client.get("/readyz")
    missing: dict[str, str] = page.json()["missing"]
    assert page.status_code == (503 if missing else 200)
    return missing


def good() -> bytes:
    (event,) = [event for event in one_of_each() if isinstance(event, FeedbackReceived)]
    return encode_body(event)


async def framed(link: Link) -> bytes:
    (event,) = [event for event in one_of_each() if isinstance(event, FeedbackReceived)]
    return await link.serde.encode(TOPIC, event)


def produce(kafka: MockKafka, values: Sequence[bytes]) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap, "log_level": 0})
    for value in values:
        producer.produce(TOPIC, value=value, partition=0)
    assert producer.flush(10) == 0


def committed(kafka: MockKafka, group: str) -> int:
    consumer = RawConsumer({"bootstrap.servers": kafka.bootstrap, "group.id": group, "log_level": 0})
    (place,) = consumer.committed([TopicPartition(TOPIC, 0)], timeout=10)
    consumer.close()
    return max(0, int(place.offset))


def letters(kafka: MockKafka, group: str) -> list[DeadLettered]:
    found = [one for one in kafka.events(DEAD_LETTERS) if isinstance(one, DeadLettered) and one.consumer_group == group]
    return sorted(found, key=lambda one: one.offset)


async def test_a_bad_message_is_put_aside_and_its_neighbours_are_handled(kafka: MockKafka, link: Link) -> None:
    value = await framed(link)
    produce(kafka, [value, POISON, value, frame(99_999, good())[:3], value])
    life = Life(kafka, link, "one-in-a-while", LENIENT)

    await life.until(lambda: committed(kafka, "one-in-a-while") == 5)

    assert len(life.handled) == 3
    assert [(one.offset, one.reason) for one in letters(kafka, "one-in-a-while")] == [
        (1, "bad_magic"),
        (3, "bad_magic"),
    ]


async def test_a_bad_deploy_stops_where_it_was_says_why_and_the_next_one_goes_on(kafka: MockKafka, link: Link) -> None:
    group = "bad-deploy"
    produce(kafka, [POISON] * 20)
    first = Life(kafka, link, group, Limits(in_a_row_max=5, share_max=1.0, window_messages=1_000))

    missing = await first.until(lambda: HALTED.labels(group)._value.get() == 1)

    assert len(letters(kafka, group)) == 5
    assert committed(kafka, group) <= 5
    assert "5 messages in a row of feedback/0 were bad" in missing[f"consumer {group}"]
    assert await not_ready() == {}

    second = Life(kafka, link, group, LENIENT)
    await second.until(lambda: committed(kafka, group) == 20)
    assert len({one.event_id for one in letters(kafka, group)}) == 20


async def test_a_handler_that_refuses_every_event_is_a_bad_deploy_too(kafka: MockKafka, link: Link) -> None:
    group = "refusing"
    produce(kafka, [await framed(link)] * 20)
    life = Life(kafka, link, group, Limits(in_a_row_max=5, share_max=1.0, window_messages=1_000), refuses=True)

    await life.until(lambda: HALTED.labels(group)._value.get() == 1)

    assert [one.reason for one in letters(kafka, group)] == ["handler_error"] * 5
    assert committed(kafka, group) <= 5
