"""A ClickHouse server that goes away under load: the sink waits, its memory stays flat, the store ends up whole."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from builders import completed
from second_store import SecondStore
from stack import RunningStack
from waiting import eventually
from weir.events import SCHEMA_JSON, encode_body, frame, named_id

pytestmark = pytest.mark.stack
TOPIC = "inference-responses"
"""Where the load goes."""


@pytest.fixture
def second(stack: RunningStack, tmp_path: Path) -> Iterator[SecondStore]:
    with SecondStore(stack, tmp_path, f"second-{time.time_ns()}") as store:
        store.until_ready()
        yield store


class Load:
    """Ended calls of one invented source, numbered without gaps."""

    def __init__(self, stack: RunningStack, tenant: str) -> None:
        self.tenant = tenant
        self.sent = 0
        self._epoch_us = time.time_ns() // 1_000
        self._producer = Producer({"bootstrap.servers": stack.kafka_bootstrap, "acks": "all"})
        with SchemaRegistryClient({"url": stack.registry_url}) as client:
            self._schema_id = client.register_schema(
                f"{TOPIC}-value", Schema(SCHEMA_JSON["InferenceCompleted"], "AVRO")
            )

    def send(self, count: int) -> None:
        """Write so many and wait until the broker has them."""
        for _ in range(count):
            now_us = self._epoch_us + self.sent
            event = completed(
                event_id=named_id(now_us, f"{self.tenant} {self.sent}"),
                request_id=named_id(now_us, f"{self.tenant} call {self.sent}"),
                source=f"{self.tenant}/1",
                boot_epoch=self._epoch_us,
                seq=self.sent,
                tenant=self.tenant,
                event_time_us=now_us,
            )
            self._producer.produce(TOPIC, key=event.request_id, value=frame(self._schema_id, encode_body(event)))
            self.sent += 1
        assert self._producer.flush(60) == 0


def stored(second: SecondStore, load: Load) -> int:
    return second.count("v_inference_responses", f"tenant = '{load.tenant}'")


def until_stored(second: SecondStore, load: Load) -> None:
    eventually(lambda: stored(second, load) >= load.sent, within_s=120, what=f"{load.sent} events of {load.tenant}")
    ((rows, distinct),) = second.sql(
        f"SELECT count(), uniqExact(event_id) FROM v_inference_responses WHERE tenant = '{load.tenant}'"
    )
    assert (rows, distinct) == (load.sent, load.sent)


@pytest.mark.capability("O3")
def test_a_server_that_is_killed_and_comes_back_misses_nothing(stack: RunningStack, second: SecondStore) -> None:
    load = Load(stack, f"killed-{time.time_ns()}")
    load.send(500)
    until_stored(second, load)

    second.kill_clickhouse()
    load.send(500)
    eventually(
        lambda: second.metric('weir_lineage_insert_failures_total{kind="transient"}') >= 2,
        within_s=30,
        what="an insert that was tried again",
    )
    load.send(500)
    assert second.metric('weir_lineage_insert_failures_total{kind="permanent"}') == 0
    second.start_clickhouse()

    until_stored(second, load)


@pytest.mark.capability("O3")
def test_a_sink_killed_between_insert_and_commit_stores_each_event_once(
    stack: RunningStack, second: SecondStore
) -> None:
    load = Load(stack, f"kills-{time.time_ns()}")
    for _ in range(3):
        load.send(200)
        eventually(lambda: stored(second, load) > 0, within_s=60, what="a first row")
        second.kill_sink()
        second.start_sink()
    second.until_ready()

    until_stored(second, load)
    ((rows, distinct),) = second.sql("SELECT count(), uniqExact(tuple(source, boot_epoch, seq)) FROM v_numbers")
    assert rows == distinct
