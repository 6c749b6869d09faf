"""Messages that can never be handled, on every topic: one dead letter each, and the partition goes on."""

from __future__ import annotations

import pytest
from confluent_kafka import Producer

from builders import one_of_each
from stack import RunningStack
from weir.events import SCHEMA_JSON, TOPICS, encode_body, frame
from weir.runtime.identity import new_id

pytestmark = pytest.mark.stack
CONSUMED_TOPICS = tuple(sorted(TOPICS))
TEN_MEGABYTES = 10_000_000


def bad_messages(stack: RunningStack, topic: str) -> dict[str, bytes | None]:
    event = next(event for event in one_of_each() if TOPICS[topic].event == event.EVENT)
    body, schema_id = encode_body(event), stack.schema_id(topic)
    return {
        "null_payload": None,
        "bad_magic": b'{"not": "avro"}',
        "unknown_schema": frame(999_999, body),
        "undecodable": frame(schema_id, body[:-4]),
        "oversized": frame(schema_id, b"\x00" * TEN_MEGABYTES),
    }


@pytest.mark.parametrize("topic", CONSUMED_TOPICS)
def test_every_kind_of_poison_is_put_aside_and_a_good_message_after_it_is_stored(
    stack: RunningStack, topic: str
) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "message.max.bytes": 15_000_000})
    marker = new_id()
    for value in bad_messages(stack, topic).values():
        producer.produce(topic, value=value, key=marker.encode(), partition=0)
    assert producer.flush(60) == 0

    for reason in bad_messages(stack, topic):
        stack.until_count(
            "v_dead_letters",
            f"topic = '{topic}' AND reason = '{reason}' AND message_key = '{marker}' AND consumer_group = 'lineage'",
            1,
        )


def test_every_schema_is_registered(stack: RunningStack) -> None:
    assert {TOPICS[topic].event for topic in TOPICS} == set(SCHEMA_JSON)
    assert len({stack.schema_id(topic) for topic in TOPICS}) == len(TOPICS)
