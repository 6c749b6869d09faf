"""A topic that is deleted and made anew under a kept store. Last of all tests: what it held before is gone from the log."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from harness.samples.builders import one_of_each
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S, eventually
from weir.events import TOPICS, encode_body, frame
from weir.runtime.clock import now_us
from weir.runtime.identity import new_id

pytestmark = [pytest.mark.stack, pytest.mark.capability("X1")]
of_type: dict[str, Any] = {event.EVENT: event for event in one_of_each()}


@pytest.mark.parametrize("is_running", [True, False], ids=["while the sink runs", "while it is stopped"])
def test_a_topic_that_is_made_anew_under_a_kept_store_loses_nothing(stack: RunningStack, is_running: bool) -> None:
    topic = "governance-log"
    admin = AdminClient({"bootstrap.servers": stack.kafka_bootstrap})
    old, new, schema_id = f"old/{new_id()}", f"new/{new_id()}", stack.schema_id(topic)
    made_anew(admin, topic)
    produce(stack, topic, "k", [frame(schema_id, fresh("GovernanceRecorded", n, old)) for n in range(10)])
    stack.until_count("v_governance_log", f"source = '{old}'", 10)
    if not is_running:
        stack.stop("lineage")

    made_anew(admin, topic)
    produce(stack, topic, "k", [frame(schema_id, fresh("GovernanceRecorded", n, new)) for n in range(25)])
    if not is_running:
        stack.start("lineage")
        stack.until_ready("lineage")

    stack.until_count("v_governance_log", f"source = '{new}'", 25)
    assert stack.count("v_governance_log", f"source = '{new}'") == 25


def made_anew(admin: AdminClient, topic: str) -> None:
    for answer in admin.delete_topics([topic], operation_timeout=30).values():
        answer.result(30)

    def is_made() -> bool:
        wanted = NewTopic(topic, TOPICS[topic].partitions, 1)
        try:
            admin.create_topics([wanted], operation_timeout=30)[topic].result(30)
        except KafkaException:  # the old one is not quite gone
            return False
        return True

    eventually(is_made, within_s=PATIENCE_S, what=f"{topic} made anew")


def produce(stack: RunningStack, topic: str, key: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "linger.ms": 200})
    for value in values:
        producer.produce(topic, value=value, key=key.encode(), partition=0)
    assert producer.flush(30) == 0


def fresh(event: str, seq: int, source: str) -> bytes:
    """An event of now, in a life of its own."""
    made = {"event_id": new_id(), "source": source, "boot_epoch": 1, "seq": seq, "event_time_us": now_us()}
    return encode_body(replace(of_type[event], **made))
