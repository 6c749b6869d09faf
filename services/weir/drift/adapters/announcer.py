"""Signals into Kafka: numbered once, sent until the broker has them, then counted and logged."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from weir.drift.adapters.metrics import SIGNALS
from weir.drift.adapters.signal_traces import SignalTraces
from weir.drift.core.signal_kinds import StreamSignal, record_of
from weir.events import DriftSignalled
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import Outgoing
from weir.runtime.telemetry.logs import logger

TOPIC = "drift-signals"


class KafkaAnnouncer:
    """Announces in the name of a consumer group."""

    def __init__(self, link: Link, group: str, traces: SignalTraces, stop: asyncio.Event) -> None:
        self._link = link
        self._traces = traces
        self._group = group
        self._stop = stop

    async def announce(self, signals: Sequence[StreamSignal]) -> None:
        """Deliver `signals`. Raises Retryable only once the service is stopping."""
        numbered = [self._numbered(*self._traces.traced(record_of(signal))) for signal in signals]
        await self._link.producer.deliver(numbered, self._stop, self._group)
        for one in numbered:
            if one.trace is not None and isinstance(one.event, DriftSignalled):
                self._traces.record(one.event, one.trace)
        for signal in signals:
            SIGNALS.labels(signal.state, signal.level).inc()
            _log(signal)

    def _numbered(self, signal: DriftSignalled, under: TraceContext | None) -> Outgoing:
        event = self._link.numbering.number(signal)
        return Outgoing(TOPIC, f"{signal.tenant}/{signal.route}", event, under)


def _log(signal: StreamSignal) -> None:
    logger().info(
        "drift_signal",
        tenant=signal.tenant,
        route=signal.route,
        detector=signal.detector,
        state=signal.state,
        severity=signal.level,
        part=signal.part,
        event_index=signal.event_index,
        event_id=signal.event_id,
    )
