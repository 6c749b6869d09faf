"""Text features of an invented stream straight into the log, and what drift must say of them, computed anew."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from confluent_kafka import Producer

from harness.kafka.log_reader import events_of
from harness.stack.running_stack import RunningStack
from unit.drift.drift_envelopes import enveloped, item_of, received
from unit.drift.drift_traffic import Traffic
from weir.detectors.settings import BankSettings
from weir.drift.adapters.checkpoints import FileCheckpoints
from weir.drift.app import IN_TOPIC, Drift, Limits
from weir.drift.core.signal_kinds import StreamSignal, record_of
from weir.events import DriftSignalled, TextFeaturesComputed, encode_body, frame, named_id

REFERENCE_EVENTS = 1_000
"""As the embedded stack sets it."""

QUIET_EVENTS = 96
SHIFTED_EVENTS = 64
SHIFT = 9.0
ENVELOPE_ITEMS = 32


class DriftLoad:
    """A warming stream, quiet traffic, a change: about forty envelopes."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self.tenant = f"drift-{time.time_ns()}"
        epoch_us, traffic = time.time_ns() // 1_000, Traffic(seed=11)
        events = [
            *traffic.events(REFERENCE_EVENTS + QUIET_EVENTS),
            *traffic.events(SHIFTED_EVENTS, shift=SHIFT),
        ]
        items = [item_of(event) for event in events]
        self.envelopes = [
            replace(
                enveloped(items[start : start + ENVELOPE_ITEMS]),
                event_id=named_id(epoch_us, f"{self.tenant} {start}"),
                source=f"{self.tenant}/1",
                boot_epoch=epoch_us,
                seq=seq,
                tenant=self.tenant,
            )
            for seq, start in enumerate(range(0, len(items), ENVELOPE_ITEMS))
        ]

    def send(self, envelopes: Sequence[TextFeaturesComputed]) -> None:
        """Write some envelopes and wait until the broker has them."""
        producer = Producer({"bootstrap.servers": self._stack.kafka_bootstrap, "acks": "all", "log_level": 2})
        schema_id = self._stack.schema_id(IN_TOPIC)
        for one in envelopes:
            producer.produce(IN_TOPIC, key=f"{one.tenant}/{one.route}", value=frame(schema_id, encode_body(one)))
        assert producer.flush(60) == 0

    async def recomputed(self) -> dict[str, DriftSignalled]:
        """Signals by id, of a fresh bank over what the log holds of this stream, in one go."""
        announced = Announced()
        with tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder:
            checkpoints = FileCheckpoints(Path(folder))
            drift = Drift(checkpoints, announced, BankSettings(reference_events=REFERENCE_EVENTS), Limits(4, 4_096))
            for partition, offset, event in events_of(self._stack, IN_TOPIC):
                if isinstance(event, TextFeaturesComputed) and event.tenant == self.tenant:
                    await drift.handle(received(event, offset, partition))
            checkpoints.close()
        return {signal.event_id: signal for signal in announced.signals}


class Announced:
    """Keeps what is announced."""

    def __init__(self) -> None:
        self.signals: list[DriftSignalled] = []

    async def announce(self, signals: Sequence[StreamSignal]) -> None:
        """Keep these."""
        self.signals.extend(map(record_of, signals))
