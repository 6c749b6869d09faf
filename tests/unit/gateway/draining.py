"""The drain against a broker in memory: who writes its spool, and what is in Kafka after it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.samples.builders import NOON_US, call
from weir.capture.drain import Drain
from weir.capture.ledger_file import LedgerFile
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.events import (
    TOPICS,
    DeadLettered,
    Event,
    NumbersAccounted,
    decode_body,
    unframe,
)
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.drain.drain import opened_from, work_of
from weir.gateway.settings import SpoolSettings
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import EventProducer, Framed
from weir.runtime.kafka.serde import Serde

SOURCE = "gateway/1"
BYTES_MAX = 4_194_304


WRITERS: list[SpoolWriter] = []
"""Writers a test opened; closed after it."""


class Broker(EventProducer):
    """The producer with a broker in memory, which takes everything at once: these tests are about disks and books."""

    def __init__(self, serde: Serde) -> None:
        super().__init__("nowhere:9092", serde, "test")
        self.taken: list[tuple[str, bytes]] = []

    async def start(self, stop: asyncio.Event) -> None:
        """Nothing to reach."""

    async def send_bytes(self, messages: Iterable[Framed]) -> None:
        self.taken += [(one.topic, one.value or b"") for one in messages]

    def events(self, topic: str) -> list[Event]:
        return [decode_body(TOPICS[topic].event, unframe(value)[1]) for name, value in self.taken if name == topic]


def settings(**fields: Any) -> SpoolSettings:
    return SpoolSettings(**{"drain_share": 1.0, **fields})


def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def drain_of(tmp_path: Path, link: Link, disk: Disk = DISK, **fields: Any) -> Drain:
    folder = spool(tmp_path)
    return Drain(
        SpoolReader(folder, disk), LedgerFile(folder, opened_from, disk=disk), link, work_of(settings(**fields))
    )


def writer_of(tmp_path: Path, boot_epoch: int = NOON_US, **options: Any) -> SpoolWriter:
    limits = {"bytes_max": 1_000_000, "segment_bytes_max": 4_096, **options}
    writer = SpoolWriter(spool(tmp_path), boot_epoch=boot_epoch, source=SOURCE, **limits)
    WRITERS.append(writer)
    return writer


def died(writer: SpoolWriter) -> None:
    WRITERS.remove(writer)
    writer.close()


def capture_of(writer: SpoolWriter, boot_epoch: int = NOON_US) -> SpoolCapture:
    return SpoolCapture(writer, source=SOURCE, boot_epoch=boot_epoch, capture_bytes_max=10_000)


def asked(number: int) -> Any:
    return call(request_id=f"01a20d6d-5a00-71f5-8b91-{number:012x}")


async def emptied(drain: Drain, steps_max: int = 60) -> None:
    """Step until nothing is left, and once more for what is to be announced."""
    stop = asyncio.Event()
    for _ in range(steps_max):
        if not await drain.step(stop):
            await drain.step(stop)
            return
    raise AssertionError(f"the drain is not done after {steps_max} steps")


def all_events(kafka: Broker, *topics: str) -> list[Any]:
    return [event for topic in topics for event in kafka.events(topic)]


def stored(kafka: Broker, boot_epoch: int = NOON_US) -> set[int]:
    """Numbers of a life that are in Kafka."""
    found = all_events(kafka, "inference-requests", "inference-responses", "spans", "feedback")
    return {event.seq for event in found if (event.source, event.boot_epoch) == (SOURCE, boot_epoch)}


def accounted(kafka: Broker, account: str, boot_epoch: int = NOON_US) -> set[int]:
    return {
        number
        for event in kafka.events("accounts")
        if isinstance(event, NumbersAccounted) and (event.account, event.numbered_boot_epoch) == (account, boot_epoch)
        for number in range(event.first_seq, event.last_seq + 1)
    }


def letters(kafka: Broker) -> list[DeadLettered]:
    return [event for event in kafka.events("dead-letters") if isinstance(event, DeadLettered)]
