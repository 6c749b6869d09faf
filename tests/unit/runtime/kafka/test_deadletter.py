"""Dead letters: numbered without holes, written once, and stopped before a topic is drained into them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.kafka.mock_kafka import MockKafka
from harness.samples.builders import NOON_US
from weir.events import DeadLettered, InvalidEvent
from weir.events.log import RawMessage, TopicPartition
from weir.runtime.errors import Retryable, TooManyRejects
from weir.runtime.kafka.deadletter import PAYLOAD_BYTES_MAX, TOPIC, DeadLetters
from weir.runtime.kafka.link import Link
from weir.runtime.rejects import Limits

pytestmark = pytest.mark.capability("X1")
BAD = InvalidEvent("undecodable", "it ends early")


def message(offset: int, value: bytes = b"bad", partition: int = 0) -> RawMessage:
    return RawMessage("feedback", partition, offset, b"key", value, NOON_US)


@pytest.fixture
def kafka() -> MockKafka:
    return MockKafka()


@pytest.fixture
async def link(kafka: MockKafka, tmp_path: Path) -> AsyncIterator[Link]:
    link = kafka.link(tmp_path, "lineage")
    yield link
    await link.close()


def letters(link: Link, *, share_max: float = 1.0, in_a_row_max: int = 3, window_messages: int = 10) -> DeadLetters:
    return link.dead_letters("lineage", Limits(in_a_row_max, share_max, window_messages))


def written(kafka: MockKafka) -> list[DeadLettered]:
    return sorted((one for one in kafka.events(TOPIC) if isinstance(one, DeadLettered)), key=lambda one: one.seq)


async def test_a_dead_letter_says_where_and_why_and_keeps_the_message(kafka: MockKafka, link: Link) -> None:
    await link.producer.start(asyncio.Event())
    await letters(link).put(message(7, b"x" * (PAYLOAD_BYTES_MAX + 1)), BAD)

    (one,) = written(kafka)
    assert (one.topic, one.partition, one.offset, one.consumer_group) == ("feedback", 0, 7, "lineage")
    assert (one.reason, one.error, one.message_key) == ("undecodable", "it ends early", b"key")
    assert (len(one.payload), one.payload_bytes) == (PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX + 1)


async def test_a_broker_that_was_down_leaves_no_hole_in_the_numbers(kafka: MockKafka, link: Link) -> None:
    dead_letters = letters(link)
    for _ in range(3):
        with pytest.raises(Retryable):
            await dead_letters.put(message(0), BAD)

    await link.producer.start(asyncio.Event())
    await dead_letters.put(message(0), BAD)
    await dead_letters.put(message(1), BAD)

    assert [(one.offset, one.seq) for one in written(kafka)] == [(0, 0), (1, 1)]


async def test_a_batch_that_is_tried_again_writes_and_counts_its_bad_message_once(kafka: MockKafka, link: Link) -> None:
    await link.producer.start(asyncio.Event())
    dead_letters = letters(link)

    for _ in range(10):
        await dead_letters.put(message(0), BAD)

    assert len(written(kafka)) == 1


async def test_a_replay_after_a_kill_writes_the_same_id(kafka: MockKafka, link: Link) -> None:
    await link.producer.start(asyncio.Event())
    await letters(link).put(message(5), BAD)
    await letters(link).put(message(5), BAD)

    assert len({one.event_id for one in written(kafka)}) == 1


async def test_too_many_in_a_row_stop_before_the_next_is_written(kafka: MockKafka, link: Link) -> None:
    await link.producer.start(asyncio.Event())
    dead_letters = letters(link)
    for offset in range(3):
        await dead_letters.put(message(offset), BAD)

    with pytest.raises(TooManyRejects, match="3 messages in a row of feedback/0 were bad, the last: undecodable"):
        await dead_letters.put(message(3), BAD)

    await dead_letters.put(message(0, partition=1), BAD)  # another partition has a row of its own
    assert len(written(kafka)) == 4


async def test_a_deploy_that_breaks_most_messages_stops_though_some_are_good(kafka: MockKafka, link: Link) -> None:
    await link.producer.start(asyncio.Event())
    dead_letters = letters(link, share_max=0.5)

    async def two_in_three_are_bad() -> None:
        for offset in range(0, 100, 3):
            await dead_letters.put(message(offset), BAD)
            await dead_letters.put(message(offset + 1), BAD)
            dead_letters.note_good(TopicPartition("feedback", 0))

    with pytest.raises(TooManyRejects, match="70% of the last 10 messages"):
        await two_in_three_are_bad()

    assert len(written(kafka)) == 6
