"""A cheap load for the storage side: ended calls of one invented source, numbered without gaps, straight into the log."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

from harness.samples.builders import completed
from harness.stack.running_stack import RunningStack
from weir.events import SCHEMA_JSON, encode_body, frame, named_id

TOPIC = "inference-responses"
"""Where the load goes."""

Encode = Callable[[dict[str, Any]], bytes]
"""A message from an event's record."""


class Load:
    """What the broker acknowledged is `sent`."""

    def __init__(self, stack: RunningStack, tenant: str) -> None:
        self.tenant = f"{tenant}-{time.time_ns()}"
        self.source = f"{self.tenant}/1"
        self.sent = 0
        self.epoch_us = time.time_ns() // 1_000
        self._producer = Producer(
            {"bootstrap.servers": stack.kafka_bootstrap, "acks": "all", "enable.idempotence": True, "log_level": 2}
        )
        with SchemaRegistryClient(stack.schema_client) as client:
            self._schema_id = client.register_schema(
                f"{TOPIC}-value", Schema(SCHEMA_JSON["InferenceCompleted"], "AVRO")
            )

    @property
    def life(self) -> tuple[str, int]:
        """Source and boot epoch of its events."""
        return self.source, self.epoch_us

    def send_poison(self) -> None:
        """Write one message that nobody can read."""
        self._producer.produce(TOPIC, key=self.tenant, value=b"\x00\x00\x00\x00\x01not avro")
        assert self._producer.flush(60) == 0

    def send(self, count: int, encoded: Encode | None = None) -> None:
        """Write so many and wait until the broker has them. encoded: makes the message; today's framing by default."""
        for _ in range(count):
            self._produce(self.sent, encoded)
            self.sent += 1
        assert self._producer.flush(60) == 0

    def send_again(self, number: int) -> None:
        """Write one event a second time, as it was."""
        self._produce(number, None)
        assert self._producer.flush(60) == 0

    def _produce(self, number: int, encoded: Encode | None) -> None:
        now_us = self.epoch_us + number
        event = completed(
            event_id=named_id(now_us, f"{self.tenant} {number}"),
            request_id=named_id(now_us, f"{self.tenant} call {number}"),
            source=self.source,
            boot_epoch=self.epoch_us,
            seq=number,
            tenant=self.tenant,
            event_time_us=now_us,
        )
        value = encoded(event.as_record()) if encoded else frame(self._schema_id, encode_body(event))
        self._producer.produce(TOPIC, key=event.request_id, value=value)
        self._producer.poll(0)
