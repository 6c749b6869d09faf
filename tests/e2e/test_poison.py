"""Messages that can never be handled, on every topic: one dead letter each, and the partition goes on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer

from harness.samples.builders import one_of_each
from harness.stack.running_stack import RunningStack
from weir.events import SCHEMA_JSON, TOPICS, encode_body, frame
from weir.runtime.clock import now_us
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


def good_message(stack: RunningStack, topic: str, source: str) -> bytes:
    """An event of now, the first of a life of its own; one that makes nobody act."""
    event = next(event for event in one_of_each() if TOPICS[topic].event == event.EVENT)
    life: dict[str, Any] = {"event_id": new_id(), "source": source, "boot_epoch": now_us(), "seq": 0}
    quiet: dict[str, dict[str, Any]] = {
        "drift-signals": {"state": "monitoring", "level": ""},
        "ops-signals": {"name": "poison"},
        "accounts": {"numbered_source": source, "first_seq": 0, "last_seq": 0},
    }
    return frame(
        stack.schema_id(topic), encode_body(replace(event, **life, event_time_us=now_us(), **quiet.get(topic, {})))
    )


@pytest.mark.parametrize("topic", CONSUMED_TOPICS)
def test_every_kind_of_poison_is_put_aside_and_a_good_message_after_it_is_stored(
    stack: RunningStack, topic: str
) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "message.max.bytes": 15_000_000})
    marker = new_id()
    source = f"poison/{marker}"
    for value in (*bad_messages(stack, topic).values(), good_message(stack, topic, source)):
        producer.produce(topic, value=value, key=marker.encode(), partition=0)
    assert producer.flush(60) == 0

    stack.until_count("v_numbers", f"topic = '{topic}' AND source = '{source}'", 1)
    assert stack.count("v_numbers", f"source = '{source}'") == 1
    mine = f"topic = '{topic}' AND message_key = '{marker}' AND consumer_group = 'lineage'"
    for reason in bad_messages(stack, topic):
        stack.until_count("v_dead_letters", f"{mine} AND reason = '{reason}'", 1)
    assert stack.count("v_dead_letters", mine) == len(bad_messages(stack, topic))


def test_every_schema_is_registered(stack: RunningStack) -> None:
    assert {TOPICS[topic].event for topic in TOPICS} == set(SCHEMA_JSON)
    assert len({stack.schema_id(topic) for topic in TOPICS}) == len(TOPICS)
