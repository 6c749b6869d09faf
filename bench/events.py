"""A backlog of ended calls as framed Avro messages, of the size that real ones have."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from demo.traffic.records import questions
from harness.stack.running_stack import RunningStack
from weir.events import SCHEMA_JSON, InferenceCompleted, Reference, encode_body, frame, named_id

TOPIC = "inference-responses"
TENANT = "bench"
ANSWER = "The with statement wraps the execution of a block with methods defined by a context manager. " * 8
"""750 bytes, the usual answer of the demo."""
REFERENCES = tuple(
    Reference(kind=kind, name="docs-qa", version="1", digest="sha256:" + digit * 64)
    for kind, digit in (("chain", "1"), ("prompt", "2"), ("model", "3"), ("dataset", "4"), ("policy", "5"))
)


def backlog(stack: RunningStack, count: int) -> list[tuple[bytes, bytes]]:
    """`count` (key, framed value) pairs with distinct ids, numbered without gaps by one source."""
    with SchemaRegistryClient(stack.schema_client) as client:
        schema_id = client.register_schema(f"{TOPIC}-value", Schema(SCHEMA_JSON["InferenceCompleted"], "AVRO"))
    return [(event.request_id.encode(), frame(schema_id, encode_body(event))) for event in _events(count)]


def produce(bootstrap: str, messages: Sequence[tuple[bytes, bytes]]) -> None:
    """Write the messages and wait until the broker has them all. Raises RuntimeError when it does not take them."""
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "queue.buffering.max.messages": len(messages)})
    for key, value in messages:
        producer.produce(TOPIC, key=key, value=value)
    if left := producer.flush(30.0):
        raise RuntimeError(f"{left} of {len(messages)} messages were not taken by {bootstrap} within 30 s")


def _events(count: int) -> Iterator[InferenceCompleted]:
    epoch_us = time.time_ns() // 1_000
    asked = questions("written")
    for seq in range(count):
        text = asked[seq % len(asked)].text
        now_us = epoch_us + seq
        yield InferenceCompleted(
            event_id=named_id(now_us, f"bench event {seq}"),
            source="bench/1",
            boot_epoch=epoch_us,
            seq=seq,
            tenant=TENANT,
            trace_id=f"{epoch_us + seq:032x}",
            span_id=f"{epoch_us + seq:016x}",
            parent_span_id="",
            event_time_us=now_us,
            request_id=named_id(now_us, f"bench request {seq}"),
            protocol="oip-grpc",
            operation="infer",
            route="docs-qa",
            model="docs-qa",
            input_text=text,
            user_text=text,
            input_bytes=len(text),
            start_time_us=now_us - 40_000,
            latency_ms=40.0,
            outcome="ok",
            status_code=0,
            output_text=ANSWER,
            output_bytes=len(ANSWER),
            finish_reason="stop",
            references=REFERENCES,
        )
