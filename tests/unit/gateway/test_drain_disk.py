"""The drain and a bad disk: whatever it refuses, the drain goes on and every number is accounted for."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from harness.failing_disk import CALLS, READS, FailingDisk
from harness.samples.builders import NOON_US, call_end
from unit.gateway.draining import (
    Broker,
    accounted,
    all_events,
    asked,
    capture_of,
    died,
    drain_of,
    emptied,
    settings,
    spool,
    stored,
    writer_of,
)
from weir.capture.capture_full import CaptureFull
from weir.capture.drain import Drain
from weir.capture.ledger_file import LedgerFile
from weir.capture.spool_reader import SpoolReader
from weir.events import (
    InferenceCompleted,
    InferenceRequested,
    SpansRecorded,
)
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.drain.drain import opened_from, work_of
from weir.runtime.kafka.link import Link

pytestmark = [pytest.mark.capability("X1"), pytest.mark.usefixtures("closed_writers", "hurried")]


@pytest.mark.parametrize("refused", [*CALLS, *READS])
async def test_whatever_call_the_disk_refuses_the_drain_goes_on_and_the_books_close(
    kafka: Broker, link: Link, tmp_path: Path, refused: str
) -> None:
    """Refused for a while, then mended, then the drain is started anew: nothing accepted is missing."""
    capture = capture_of(writer_of(tmp_path))
    for number in range(12):
        capture.write_request(asked(number), b"x" * 300)
        capture.write_end(asked(number), call_end(), b"", KeptAnswer())
    disk = FailingDisk()
    bad = drain_of(tmp_path, link, disk)
    disk.refuses = (
        frozenset({refused}) if refused in READS else frozenset()
    )  # books that cannot be read are told at the start
    if refused in CALLS:
        disk = FailingDisk(refuses=frozenset({refused}))
        bad = drain_of(tmp_path, link, disk)
    stop = asyncio.Event()
    for _ in range(12):
        await bad.step(stop)

    if refused not in ("unlink", "close", *READS):
        assert len(list(spool(tmp_path).glob("*.seg"))) == 1, "a full disk gets its room back"
    disk.mended()
    await emptied(drain_of(tmp_path, link))

    assert stored(kafka) == accounted(kafka, "accepted") == set(range(capture.numbers_used))
    kinds = {type(event) for event in all_events(kafka, "inference-requests", "inference-responses", "spans")}
    assert kinds == {InferenceRequested, InferenceCompleted, SpansRecorded}
    assert not [e for e in kafka.events("inference-responses") if getattr(e, "outcome", "") == "aborted"]


async def test_corrupt_bytes_on_a_full_disk_are_kept_with_their_segment(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=2_000))
    for number in range(10):
        capture.write_request(asked(number), b"x" * 300)
    oldest = min(spool(tmp_path).glob("*.seg"))
    data = bytearray(oldest.read_bytes())
    data[100] ^= 1
    oldest.write_bytes(bytes(data))

    disk = FailingDisk()
    drain = drain_of(tmp_path, link, disk)
    disk.refuses = frozenset({"write", "mkdir"})
    await emptied(drain)

    assert [path.name for path in (spool(tmp_path) / "quarantine").iterdir()] == [oldest.name]
    assert stored(kafka) == set(range(1, 10))


def not_kept() -> float:
    """Stretches of which quarantine kept the SHA-256 alone."""
    return REGISTRY.get_sample_value("weir_gateway_quarantine_not_kept_total") or 0.0


async def test_quarantine_has_a_bound(kafka: Broker, link: Link, tmp_path: Path) -> None:
    capture = capture_of(writer_of(tmp_path))
    capture.write_request(asked(1), b"")
    [segment] = spool(tmp_path).glob("*.seg")
    segment.write_bytes(segment.read_bytes()[:-1] + b"?")
    capture.write_request(asked(2), b"")
    reader, before = SpoolReader(spool(tmp_path), quarantine_bytes_max=10), not_kept()

    await emptied(Drain(reader, LedgerFile(spool(tmp_path), opened_from), link, work_of(settings())))

    assert (stored(kafka), reader.quarantined_bytes()) == ({1}, 0)
    assert not_kept() - before == 1
    assert accounted(kafka, "corrupt") == {0}


@pytest.mark.parametrize("refused", [*CALLS, *READS])
@pytest.mark.parametrize(("is_durable", "error"), [(False, errno.ENOSPC), (True, errno.EIO)])
async def test_whatever_call_the_disk_refuses_the_gateway_every_accepted_number_is_drained(
    kafka: Broker, link: Link, tmp_path: Path, refused: str, error: int, is_durable: bool
) -> None:
    """Each call of the disk is refused for a while, from another moment on; a refused call is told, an accepted one kept."""
    disk = FailingDisk(refuses=frozenset({refused}), first=3, times=5, error=error)
    capture = capture_of(writer_of(tmp_path, is_durable=is_durable, disk=disk, segment_bytes_max=2_000))
    told = 0
    for number in range(40):
        try:
            capture.write_request(asked(number), b"x" * 200)
        except CaptureFull:
            told += 1
    await emptied(drain_of(tmp_path, link))

    assert capture.numbers_used + told == 40
    assert capture.numbers_used >= 30
    assert stored(kafka) == accounted(kafka, "accepted") == set(range(capture.numbers_used))


async def test_a_segment_that_cannot_be_read_holds_up_no_other(kafka: Broker, link: Link, tmp_path: Path) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=1_000))
    for number in range(4):
        capture.write_request(asked(number), b"x" * 300)
    capture.write_head()
    second = sorted(spool(tmp_path).glob("*.seg"))[1]
    second.rename(tmp_path / "kept")
    second.mkdir()
    drain = drain_of(tmp_path, link)
    await emptied(drain)
    assert stored(kafka) == {0, 2, 3}

    second.rmdir()
    (tmp_path / "kept").rename(second)
    await emptied(drain)

    assert stored(kafka) == {0, 1, 2, 3}
    assert accounted(kafka, "accepted") == {0, 1, 2, 3}


@pytest.mark.parametrize("refused", READS)
@pytest.mark.slow
async def test_each_look_at_the_disk_in_turn_may_be_refused_and_the_books_close(
    link: Link, kafka: Broker, tmp_path: Path, refused: str
) -> None:
    """The n-th look alone is refused, for every n that there is; nothing is lost, told as lost or ended as aborted."""
    looks, first = 1, 0
    while first < looks:
        kafka.taken.clear()
        folder = tmp_path / str(first)
        folder.mkdir()
        capture = capture_of(writer := writer_of(folder, segment_bytes_max=1_000))
        for number in range(3):
            capture.write_request(asked(number), b"x" * 300)
        capture.write_end(asked(0), call_end(), b"", KeptAnswer())
        capture.write_head()
        disk = FailingDisk()
        drain = drain_of(folder, link, disk)
        disk.refuses, disk.first, disk.times, disk.error = frozenset({refused}), first, 1, errno.EIO
        for _ in range(8):
            await drain.step(asyncio.Event())
        looks = disk.seen.count(refused) - LOOKS_AT_THE_START[refused]
        died(writer)

        assert stored(kafka) == accounted(kafka, "accepted") == set(range(capture.numbers_used)), first
        assert not accounted(kafka, "corrupt")
        assert not [e for e in kafka.events("inference-responses") if getattr(e, "outcome", "") == "aborted"]
        first += 1
    assert first > 5


LOOKS_AT_THE_START = {"names": 0, "size": 0, "read": 1}
"""Looks before the first step: the books'."""


@pytest.mark.parametrize("refused", READS)
@pytest.mark.parametrize("first", [0, 1, 3, 7])
async def test_each_look_of_the_gateway_may_be_refused_for_good_and_who_appends_hears_only_that_it_is_full(
    kafka: Broker, link: Link, tmp_path: Path, refused: str, first: int
) -> None:
    disk = FailingDisk(error=errno.EIO)
    capture = capture_of(writer_of(tmp_path, disk=disk, segment_bytes_max=1_000, bytes_max=8_000))
    disk.refuses, disk.first = frozenset({refused}), first
    told = 0
    for number in range(40):
        try:
            capture.write_request(asked(number), b"x" * 300)
        except CaptureFull:
            told += 1
        if number % 10 == 9:
            await emptied(drain_of(tmp_path, link))
    disk.mended()
    capture.write_request(asked(40), b"x" * 300)
    await emptied(drain_of(tmp_path, link))

    assert capture.numbers_used + told == 41
    assert stored(kafka) == accounted(kafka, "accepted") == set(range(capture.numbers_used))


def unreadable() -> float:
    return REGISTRY.get_sample_value("weir_gateway_segments_unreadable_total") or 0.0


async def test_a_mark_that_cannot_be_read_keeps_no_segment_back(kafka: Broker, link: Link, tmp_path: Path) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=1_000))
    for number in range(4):
        capture.write_request(asked(number), b"x" * 300)
    oldest, before = min(spool(tmp_path).glob("*.seg")), unreadable()
    oldest.with_suffix(".acked").mkdir()

    await emptied(drain_of(tmp_path, link))

    assert stored(kafka) == accounted(kafka, "accepted") == {0, 1, 2, 3}
    assert unreadable() - before == 1
    assert not oldest.exists()


async def test_a_segment_whose_size_the_disk_does_not_say_stops_neither_the_drain_nor_the_gateway(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=1_000, bytes_max=8_000))
    loop = spool(tmp_path) / f"{0:020d}-{NOON_US:020d}-{'a' * 16}.seg"
    loop.symlink_to(loop)  # ELOOP at every look, as EIO would be
    drain = drain_of(tmp_path, link)
    told = 0
    for number in range(40):
        try:
            capture.write_request(asked(number), b"x" * 300)
        except CaptureFull:
            told += 1
        if number == 30:
            await emptied(drain)
    await emptied(drain)

    assert told > 0
    assert stored(kafka) == accounted(kafka, "accepted") == set(range(capture.numbers_used))
    assert loop.is_symlink()
