"""Our topics read by programs that are not ours: Confluent's deserializer, kcat, ClickHouse's AvroConfluent."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from harness.calls.asking import ask_over_triton
from harness.stack.running_stack import RunningStack
from harness.waiting import PATIENCE_S
from weir.events import TOPICS

pytestmark = pytest.mark.stack
ALWAYS_FILLED = ("inference-requests", "inference-responses", "spans", "text-features", "registry-changes")
"""Topics that hold events once one question was answered."""


@pytest.fixture(scope="module", autouse=True)
def some_events(stack: RunningStack) -> None:
    asked = ask_over_triton(stack.gateway_grpc, "What is a generator expression?")
    stack.until_count("v_text_features", f"request_id = '{asked.request_id}'", 1)


def newest_messages(stack: RunningStack, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": stack.kafka_bootstrap,
            "group.id": "stock",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,  # a partition is given while the broker still waits at the end of the one before
        }
    )
    found: list[bytes] = []
    for partition in range(TOPICS[topic].partitions):
        low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=PATIENCE_S)
        if high > low:
            consumer.assign([TopicPartition(topic, partition, max(low, high - count))])
            found += [message.value() or b"" for message in consumer.consume(min(count, high - low), timeout=30)]
    consumer.close()
    return found


def deserialized(stack: RunningStack, topic: str, message: bytes) -> dict[str, Any]:
    """What Confluent's own deserializer makes of a message."""
    with SchemaRegistryClient({"url": stack.registry_url}) as client:
        event = AvroDeserializer(client)(message, SerializationContext(topic, MessageField.VALUE))
    assert isinstance(event, dict)
    return event


@pytest.mark.capability("U4", is_check=True, clause="Confluent from the log")
@pytest.mark.parametrize("topic", ALWAYS_FILLED)
def test_confluents_deserializer_reads_our_topics(stack: RunningStack, topic: str) -> None:
    events = [deserialized(stack, topic, message) for message in newest_messages(stack, topic, 5)]

    assert events
    assert all(len(event["event_id"]) == 36 for event in events)


@pytest.mark.capability("U4", is_check=True, clause="kcat from the log")
def test_kcat_reads_our_topics(stack: RunningStack) -> None:
    ran = subprocess.run(
        [
            "kcat",
            "-b",
            stack.kafka_bootstrap,
            "-C",
            "-t",
            "inference-responses",
            "-o",
            "beginning",
            "-c",
            "1",
            "-e",
            "-q",
            "-D",
            "",
        ],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr

    event = deserialized(stack, "inference-responses", ran.stdout)

    assert event["outcome"] in {"ok", "failed", "refused"}


@pytest.mark.capability("U4", is_check=True, clause="ClickHouse from the log")
def test_clickhouses_avro_confluent_decodes_our_bytes(stack: RunningStack) -> None:
    [message, *_] = newest_messages(stack, "inference-responses", 1)
    script = textwrap.dedent(
        """
        import sys, chdb
        data, url = bytes.fromhex(sys.argv[1]), sys.argv[2]
        open(sys.argv[3], "wb").write(data)
        print(chdb.query(
            f"SELECT request_id, outcome FROM file('{sys.argv[3]}', AvroConfluent)"
            f" SETTINGS format_avro_schema_registry_url = '{url}'", "TabSeparated"))
        """
    )
    path = stack.data_dir / "avro-confluent.bin"

    ran = subprocess.run(
        [sys.executable, "-c", script, message.hex(), stack.registry_url, str(path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip

    assert ran.returncode == 0, ran.stderr
    request_id, outcome = ran.stdout.split()[:2]
    assert stack.request(request_id)["outcome"] == outcome
