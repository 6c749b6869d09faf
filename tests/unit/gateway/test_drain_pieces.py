"""The drain against a broker: one bad record is one dead letter, and whatever the disk refuses, the books close."""

from __future__ import annotations

import asyncio
import errno
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from harness.failing_disk import CALLS, READS, FailingDisk
from harness.kafka.mock_kafka import know_schemas
from harness.samples.builders import NOON_US, call, call_end
from harness.waiting import PATIENCE_S
from weir.events import (
    TOPICS,
    DeadLettered,
    Event,
    InferenceCompleted,
    InferenceRequested,
    NumbersAccounted,
    SpansRecorded,
    decode_body,
    unframe,
)
from weir.gateway.adapters.ledger_file import LedgerFile
from weir.gateway.adapters.spool import SpoolWriter
from weir.gateway.adapters.spool_reader import SpoolReader
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.call import Feedback
from weir.gateway.core.capture_full import CaptureFull
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import HEAD, Record, pack
from weir.gateway.drain import drain as drain_module
from weir.gateway.drain.drain import Drain
from weir.gateway.settings import SpoolSettings
from weir.runtime.errors import TooManyRejects
from weir.runtime.files.disk import DISK, Disk
from weir.runtime.identity import Numbering
from weir.runtime.kafka.link import Link
from weir.runtime.kafka.producer import EventProducer, Framed
from weir.runtime.kafka.schemas import SchemaCatalog
from weir.runtime.kafka.serde import Serde
from weir.runtime.telemetry.metrics import HALTED

pytestmark = pytest.mark.capability("X1")
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


@pytest.fixture
def kafka(tmp_path: Path) -> Broker:
    know_schemas(tmp_path / "schema-ids.json")
    return Broker(Serde(SchemaCatalog("http://127.0.0.1:9", tmp_path / "schema-ids.json"), BYTES_MAX))


@pytest.fixture
def link(kafka: Broker, tmp_path: Path) -> Link:
    return Link(kafka._serde, kafka, Numbering("gateway-drain/1"), tmp_path)


@pytest.fixture(autouse=True)
def closed_writers() -> Iterator[None]:
    yield
    while WRITERS:
        WRITERS.pop().close()


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "ANNOUNCE_EVERY_S", 0.0)
    monkeypatch.setattr(drain_module, "BACKOFF_S", 0.01)
    monkeypatch.setattr(drain_module, "IDLE_S", 0.001)


def settings(**fields: Any) -> SpoolSettings:
    return SpoolSettings(**{"drain_share": 1.0, **fields})


def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def drain_of(tmp_path: Path, link: Link, disk: Disk = DISK, **fields: Any) -> Drain:
    folder = spool(tmp_path)
    return Drain(SpoolReader(folder, disk), LedgerFile(folder, disk=disk), link, settings(**fields))


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


async def test_one_bad_record_is_one_dead_letter_and_the_rest_is_stored(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    writer = writer_of(tmp_path)
    capture = capture_of(writer)
    capture.write_request(asked(1), b"")
    capture.write_feedback(
        Feedback(event_id="no id", tenant="demo", request_id="r", time_us=NOON_US, score=float("nan"))
    )
    capture.write_end(asked(1), call_end(), b"", KeptAnswer())
    broken = b"\x05\x00\x00\x00{no json"
    writer.append(HEAD.pack(len(broken), zlib.crc32(broken)) + broken)
    capture.write_request(asked(2), b"")

    await emptied(drain_of(tmp_path, link))

    assert stored(kafka) == {0, 2, 3, 4}
    first, second = sorted(letters(kafka), key=lambda one: one.offset)
    assert (first.topic, first.partition, first.consumer_group) == ("gateway-spool", 0, "gateway-drain")
    assert (first.reason, second.reason) == ("undecodable", "undecodable")
    assert second.payload == broken
    assert accounted(kafka, "dead") == {1}
    assert accounted(kafka, "accepted") == set(range(5))


async def test_a_drain_that_died_before_the_mark_writes_the_same_dead_letter_under_the_same_id(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    capture = capture_of(writer_of(tmp_path))
    capture.write_request(asked(1), b"")
    capture.write_feedback(Feedback(event_id="no id", tenant="demo", request_id="r", time_us=NOON_US, score=0.0))
    await emptied(drain_of(tmp_path, link))
    for mark in spool(tmp_path).glob("*.acked"):
        mark.unlink()

    await emptied(drain_of(tmp_path, link))

    assert len({letter.event_id for letter in letters(kafka)}) == 1
    assert len(letters(kafka)) == 2


async def test_when_nearly_all_records_are_bad_the_drain_stops_with_the_spool_as_it_was(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=100_000))
    for _ in range(20):
        capture.write_feedback(Feedback(event_id="no id", tenant="demo", request_id="r", time_us=NOON_US, score=0.0))
    stop = asyncio.Event()
    drain = drain_of(tmp_path, link, dead_letters_in_a_row_max=5)

    running = asyncio.create_task(drain.run(stop))
    async with asyncio.timeout(PATIENCE_S):
        while not HALTED.labels("gateway-drain")._value.get():
            await asyncio.sleep(0.01)
    stop.set()
    await running

    assert len(letters(kafka)) == 5
    assert SpoolReader(spool(tmp_path)).backlog_bytes()


async def test_a_clock_that_was_ahead_loses_nothing(kafka: Broker, link: Link, tmp_path: Path) -> None:
    """A life whose clock was an hour ahead ends; the next one has an earlier boot epoch and is the live one all the same."""
    ahead_us = NOON_US + 3_600_000_000
    first = writer_of(tmp_path, ahead_us)
    capture_of(first, ahead_us).write_request(asked(1), b"")
    died(first)
    capture = capture_of(writer_of(tmp_path))
    drain = drain_of(tmp_path, link)
    for number in range(2, 20):
        capture.write_request(asked(number), b"")
        await drain.step(asyncio.Event())
    await emptied(drain)

    assert stored(kafka) == set(range(18))
    assert stored(kafka, ahead_us) == {0}
    aborted = [e for e in kafka.events("inference-responses") if isinstance(e, InferenceCompleted)]
    assert [(e.request_id, e.boot_epoch, e.outcome) for e in aborted] == [(asked(1).request_id, ahead_us, "aborted")]
    assert set(drain.ledger) == {(SOURCE, NOON_US)}


async def test_a_life_whose_numbers_stop_short_of_what_was_accepted_is_told(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=100_000))
    for number in range(4):
        capture.write_request(asked(number), b"")
    capture.write_head()
    [segment] = spool(tmp_path).glob("*.seg")
    segment.write_bytes(segment.read_bytes()[: segment.stat().st_size // 2])
    await emptied(drain_of(tmp_path, link))

    assert accounted(kafka, "accepted") == set(range(capture.numbers_used))
    assert stored(kafka) == {0, 1}


async def test_a_life_whose_segments_are_gone_is_told(kafka: Broker, link: Link, tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    capture = capture_of(writer)
    capture.write_request(asked(1), b"")
    capture.write_head()
    died(writer)
    for segment in spool(tmp_path).glob("*.seg"):
        segment.unlink()
    later_us = NOON_US + 1
    later = capture_of(writer_of(tmp_path, later_us), later_us)
    later.write_request(asked(2), b"")
    later.write_head()

    await emptied(drain_of(tmp_path, link))

    assert accounted(kafka, "accepted") == {0}
    assert accounted(kafka, "accepted", later_us) == {0}
    assert [path.stem for path in spool(tmp_path).glob("*.head")] == [f"{later_us:020d}"]


@pytest.mark.parametrize("place", [2, 30, -1])
async def test_a_flipped_bit_costs_one_record_and_its_numbers_are_named(
    kafka: Broker, link: Link, tmp_path: Path, place: int
) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=100_000))
    for number in range(5):
        capture.write_request(asked(number), b"")
    [segment] = spool(tmp_path).glob("*.seg")
    data = bytearray(segment.read_bytes())
    size = len(data) // 5
    data[2 * size + (place % size)] ^= 4
    segment.write_bytes(bytes(data))

    await emptied(drain_of(tmp_path, link))

    assert stored(kafka) == {0, 1, 3, 4}
    assert accounted(kafka, "corrupt") == {2}
    assert len(list((spool(tmp_path) / "quarantine").iterdir())) == 1


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

    await emptied(Drain(reader, LedgerFile(spool(tmp_path)), link, settings()))

    assert (stored(kafka), reader.quarantined_bytes()) == ({1}, 0)
    assert not_kept() - before == 1
    assert accounted(kafka, "corrupt") == {0}


async def test_segments_of_before_marks_are_read_before_those_with_marks(
    kafka: Broker, link: Link, tmp_path: Path
) -> None:
    folder = spool(tmp_path)
    folder.mkdir()
    before_us = NOON_US + 3_600_000_000
    old = [Record(kind="requested", source=SOURCE, boot_epoch=before_us, seq=seq, call=asked(seq)) for seq in range(3)]
    (folder / f"{before_us:020d}-00000000.seg").write_bytes(b"".join(map(pack, old)))
    capture_of(writer_of(tmp_path)).write_end(asked(9), call_end(), b"", KeptAnswer())

    await emptied(drain_of(tmp_path, link))

    assert (stored(kafka, before_us), stored(kafka)) == ({0, 1, 2}, {0, 1})
    assert len(list(folder.glob("*.seg"))) == 1


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


async def test_good_records_between_bad_ones_are_counted_once(kafka: Broker, link: Link, tmp_path: Path) -> None:
    """Two bad ones of three are over a limit of one half, however the pieces are cut."""
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=100_000))
    for number in range(30):
        if number % 3:
            capture.write_feedback(
                Feedback(event_id="no id", tenant="demo", request_id="r", time_us=NOON_US, score=0.0)
            )
        else:
            capture.write_request(asked(number), b"")
    drain = drain_of(tmp_path, link, dead_letters_window_messages=10, dead_letters_share_max=0.55)

    with pytest.raises(TooManyRejects, match="of the last 10"):
        await emptied(drain)


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


@pytest.mark.parametrize("mark", [b"9000", b"", b"-1", b"12", b"9000 00000000"])
async def test_a_damaged_mark_deletes_no_segment_unread(kafka: Broker, link: Link, tmp_path: Path, mark: bytes) -> None:
    capture = capture_of(writer_of(tmp_path, segment_bytes_max=1_000))
    for number in range(4):
        capture.write_request(asked(number), b"x" * 300)
    oldest = min(spool(tmp_path).glob("*.seg"))
    oldest.with_suffix(".acked").write_bytes(mark)

    await emptied(drain_of(tmp_path, link))

    assert stored(kafka) == accounted(kafka, "accepted") == {0, 1, 2, 3}
    assert oldest.with_suffix(".acked.refused").read_bytes() == mark
