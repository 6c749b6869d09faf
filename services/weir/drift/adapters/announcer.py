"""Signals into Kafka: numbered once, then sent until the broker has them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from weir.drift.metrics import SIGNALS
from weir.events import DriftSignalled
from weir.runtime.delivery import deliver
from weir.runtime.link import Link

TOPIC = "drift-signals"


class KafkaAnnouncer:
    """Announces in the name of a consumer group."""

    def __init__(self, link: Link, group: str, stop: asyncio.Event) -> None:
        self._link = link
        self._group = group
        self._stop = stop

    async def announce(self, signals: Sequence[DriftSignalled]) -> None:
        """Deliver `signals`. Raises Retryable only once the service is stopping."""
        await deliver(self._link.producer, [self._numbered(signal) for signal in signals], self._stop, self._group)
        for signal in signals:
            SIGNALS.labels(signal.state, signal.level).inc()

    def _numbered(self, signal: DriftSignalled) -> tuple[str, str, DriftSignalled]:
        numbering = self._link.numbering
        event = replace(signal, source=numbering.source, boot_epoch=numbering.boot_epoch, seq=numbering.take())
        return TOPIC, f"{signal.tenant}/{signal.route}", event
