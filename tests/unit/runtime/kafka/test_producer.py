"""Laws of the producer: a key's messages stay in order in one partition, whatever batches they need; one too large is refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from harness.kafka.mock_kafka import MockKafka
from weir.runtime.errors import Retryable
from weir.runtime.kafka.producer import BATCH_BYTES, REQUEST_BYTES_MAX, EventProducer, Framed

TOPIC = "spans"
KEYS = (b"one", b"another", b"a third")
HEADERS = (("traceparent", b"00-1-2-01"), ("tracestate", b"vendor=1"))


@pytest.fixture
def kafka() -> MockKafka:
    return MockKafka()


@pytest.fixture
async def producer(kafka: MockKafka, tmp_path: Path) -> AsyncIterator[EventProducer]:
    link = kafka.link(tmp_path, "test")
    await link.producer.start(asyncio.Event())
    yield link.producer
    await link.close()


async def test_messages_of_a_key_stay_in_order_over_several_batches(kafka: MockKafka, producer: EventProducer) -> None:
    values = [b"%03d" % number + b"x" * (BATCH_BYTES // 10) for number in range(36)]

    await producer.send_bytes(Framed(TOPIC, KEYS[number % 3], value, HEADERS) for number, value in enumerate(values))

    found = kafka.messages(TOPIC)
    for number, key in enumerate(KEYS):
        of_key = [one for one in found if one.key() == key]
        assert [one.value() for one in of_key] == values[number::3]
        assert len({one.partition() for one in of_key}) == 1
    assert all(tuple(one.headers() or ()) == HEADERS for one in found)


async def test_a_message_larger_than_a_request_is_refused_as_the_broker_would(producer: EventProducer) -> None:
    with pytest.raises(Retryable, match="MessageSizeTooLarge"):
        await producer.send_bytes([Framed(TOPIC, b"k", b"x" * REQUEST_BYTES_MAX)])


async def test_a_message_larger_than_a_batch_is_sent_alone(kafka: MockKafka, producer: EventProducer) -> None:
    large = b"x" * (BATCH_BYTES * 2)

    await producer.send_bytes([Framed(TOPIC, b"k", value) for value in (b"before", large, b"after")])

    assert [one.value() for one in kafka.messages(TOPIC)] == [b"before", large, b"after"]
