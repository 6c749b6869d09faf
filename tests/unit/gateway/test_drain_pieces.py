"""The drain against a broker: one bad record is one dead letter, and whatever the disk refuses, the books close."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import pytest

from harness.samples.builders import NOON_US, call_end
from harness.waiting import PATIENCE_S
from unit.gateway.draining import (
    SOURCE,
    Broker,
    accounted,
    asked,
    capture_of,
    died,
    drain_of,
    emptied,
    letters,
    spool,
    stored,
    writer_of,
)
from weir.capture.frames import HEAD
from weir.capture.spool_reader import SpoolReader
from weir.events import (
    InferenceCompleted,
)
from weir.gateway.core.call import Feedback
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import Record, pack
from weir.runtime.errors import TooManyRejects
from weir.runtime.kafka.link import Link
from weir.runtime.telemetry.metrics import HALTED

pytestmark = [pytest.mark.capability("X1"), pytest.mark.usefixtures("closed_writers", "hurried")]


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
