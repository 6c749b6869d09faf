"""Laws of the spool: what was appended is read once acknowledged or again, in order, within its bounds."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.failing_disk import FailingDisk
from harness.samples.builders import NOON_US, call, call_end
from weir.capture.capture_full import CaptureFull
from weir.capture.frames import scan
from weir.capture.spool import SpoolWriter
from weir.capture.spool_folder import spooled_bytes
from weir.capture.spool_reader import SpoolReader
from weir.gateway.calls.capture import SpoolCapture
from weir.gateway.core.kept_answer import KeptAnswer
from weir.gateway.core.record import Record, pack, unpack
from weir.runtime.errors import BadSetting

WRITERS: list[SpoolWriter] = []
"""Writers a test opened; closed after it."""


@pytest.fixture(autouse=True)
def closed_writers() -> Iterator[None]:
    yield
    while WRITERS:
        WRITERS.pop().close()


def writer_in(
    folder: Path, *, boot_epoch: int = NOON_US, bytes_max: int = 1_000_000, segment: int = 4_096
) -> SpoolWriter:
    writer = SpoolWriter(folder, boot_epoch=boot_epoch, bytes_max=bytes_max, segment_bytes_max=segment)
    WRITERS.append(writer)
    return writer


def capture_in(folder: Path, **options: int) -> SpoolCapture:
    return SpoolCapture(writer_in(folder, **options), source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=10_000)


def answered(message: bytes) -> KeptAnswer:
    return KeptAnswer((message,), len(message))


def filled(capture: SpoolCapture) -> None:
    for _ in range(100):
        capture.write_request(call(), b"x" * 100)


def died(writer: SpoolWriter) -> None:
    WRITERS.remove(writer)
    writer.close()


def drained(folder: Path) -> list[int]:
    reader, numbers = SpoolReader(folder), []
    while (piece := reader.read()) is not None:
        numbers += [unpack(payload).seq for payload in piece.payloads]
        reader.acknowledge(piece)
    return numbers


@pytest.mark.capability("X1")
def test_every_record_is_read_once_and_in_order_over_many_segments(tmp_path: Path) -> None:
    capture = capture_in(tmp_path)
    for _ in range(30):
        capture.write_end(call(), call_end(), b"in" * 100, answered(b"out" * 100))

    assert drained(tmp_path) == list(range(0, 60, 2))
    assert capture.numbers_used == 60


def test_what_was_not_acknowledged_is_read_again(tmp_path: Path) -> None:
    capture = capture_in(tmp_path)
    capture.write_request(call(), b"in")
    reader = SpoolReader(tmp_path)

    first, again = reader.read(), SpoolReader(tmp_path).read()

    assert first is not None
    assert again is not None
    assert first.payloads == again.payloads


def test_a_finished_segment_is_deleted_and_the_open_one_kept(tmp_path: Path) -> None:
    capture = capture_in(tmp_path)
    for _ in range(30):
        capture.write_request(call(), b"x" * 500)

    drained(tmp_path)

    assert len(list(tmp_path.glob("*.seg"))) == 1


def test_a_full_spool_refuses_and_takes_no_number(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, bytes_max=3_000)
    with pytest.raises(CaptureFull, match="holds its 3000 bytes"):
        filled(capture)
    accepted = capture.numbers_used

    assert drained(tmp_path) == list(range(accepted))


def test_a_drained_spool_accepts_again(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, bytes_max=6_000, segment=1_000)
    with pytest.raises(CaptureFull):
        filled(capture)
    drained(tmp_path)

    capture.write_request(call(), b"x" * 100)

    assert spooled_bytes(tmp_path) < 6_000


def test_a_torn_tail_of_a_dead_gateway_is_cut_at_the_last_whole_record(tmp_path: Path) -> None:
    capture_in(tmp_path).write_request(call(), b"in")
    died(WRITERS[0])
    [segment] = tmp_path.glob("*.seg")
    segment.write_bytes(segment.read_bytes() + b"\x99\x01")
    writer_in(tmp_path, boot_epoch=NOON_US + 1)

    piece = SpoolReader(tmp_path).read()

    assert piece is not None
    assert (len(piece.payloads), piece.torn_bytes, piece.is_finished) == (1, 2, True)


def test_a_corrupt_record_goes_to_quarantine_and_the_rest_is_read(tmp_path: Path) -> None:
    capture = capture_in(tmp_path)
    capture.write_request(call(), b"in")
    [segment] = tmp_path.glob("*.seg")
    size = segment.stat().st_size
    capture.write_request(call(), b"in")
    data = bytearray(segment.read_bytes())
    data[size - 1] ^= 1
    segment.write_bytes(bytes(data))

    assert drained(tmp_path) == [1]
    assert len(list((tmp_path / "quarantine").iterdir())) == 1


def test_a_call_over_the_capture_limit_keeps_its_facts(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, segment=100_000)
    capture.write_end(call(), call_end(), b"i" * 20_000, answered(b"o" * 20_000))

    piece = SpoolReader(tmp_path).read()

    assert piece is not None
    record = unpack(piece.payloads[0])
    assert (record.wire, record.responses, record.wire_bytes, record.response_bytes) == (b"", (), 20_000, 20_000)


def test_a_second_gateway_on_the_same_spool_is_refused(tmp_path: Path) -> None:
    writer_in(tmp_path)

    with pytest.raises(BadSetting, match="held by another process"):
        writer_in(tmp_path, boot_epoch=NOON_US + 1)


@pytest.mark.parametrize("refused", ["mkdir", "open"])
def test_a_disk_that_refuses_the_folder_or_its_lock_is_told_at_the_start(tmp_path: Path, refused: str) -> None:
    disk, folder = FailingDisk(refuses=frozenset({refused}), times=1), tmp_path / "spool"
    with pytest.raises(OSError, match="No space left"):
        SpoolWriter(folder, boot_epoch=NOON_US, bytes_max=100_000, segment_bytes_max=4_096, disk=disk)

    writer_in(folder)


def test_a_full_disk_refuses_the_record_and_leaves_no_half_of_it(tmp_path: Path) -> None:
    script = f"""
import resource, sys
sys.path[:0] = {sys.path!r}
from pathlib import Path
from tempfile import TemporaryDirectory
from weir.capture.spool import SpoolWriter
from weir.capture.frames import HEAD
from weir.capture.capture_full import CaptureFull
writer = SpoolWriter(Path({str(tmp_path)!r}), boot_epoch=1, bytes_max=10**6, segment_bytes_max=10**6)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
accepted, refused = 0, ""
while not refused:
    try:
        writer.append(HEAD.pack(292, 0) + bytes(292))
        accepted += 1
    except CaptureFull as error:
        refused = str(error)
print(accepted, refused)
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("3 the spool's disk took 100 of 300 bytes")
    assert [segment.stat().st_size for segment in sorted(tmp_path.glob("*.seg"))] == [900, 0]


def framed(count: int) -> bytes:
    return b"".join(pack(blank(seq)) for seq in range(count))


def blank(seq: int) -> Record:
    return Record(kind="requested", source="gateway/1", boot_epoch=NOON_US, seq=seq, call=call())


@pytest.mark.capability("X1")
@given(st.integers(1, 6), st.data())
def test_one_flipped_byte_costs_one_record_or_what_follows_a_broken_length(count: int, data: st.DataObject) -> None:
    segment = bytearray(framed(count))
    place = data.draw(st.integers(0, len(segment) - 1))
    segment[place] ^= 1 << data.draw(st.integers(0, 7))

    read = [unpack(found.payload).seq for found in scan(bytes(segment), 0) if found.payload is not None]

    hit = place // (len(segment) // count)
    assert read[:hit] == list(range(hit))
    assert hit not in read
    assert read == sorted(set(read))


def seqs_in(folder: Path) -> list[int]:
    piece = SpoolReader(folder).read()
    return [] if piece is None else [unpack(payload).seq for payload in piece.payloads]


@pytest.mark.capability("X1")
@given(st.integers(0, 4), st.binary(max_size=30) | st.integers(0, 10_000).map(lambda number: b"%d" % number), st.data())
def test_a_damaged_mark_loses_nothing(acked: int, content: bytes, data: st.DataObject) -> None:
    """Whatever bytes a mark becomes, by one flipped bit or all of them: all that it did not acknowledge is read."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        segment = folder / f"{NOON_US:020d}-00000000.seg"
        segment.write_bytes(framed(acked))
        reader = SpoolReader(folder)
        piece = reader.read()
        if piece is not None:
            reader.acknowledge(replace(piece, is_finished=False))
        segment.write_bytes(framed(5))
        mark = segment.with_suffix(".acked")
        kept = mark.read_bytes() if mark.exists() else b""
        if kept and data.draw(st.booleans()):
            place = data.draw(st.integers(0, len(kept) - 1))
            content = kept[:place] + bytes([kept[place] ^ 1 << data.draw(st.integers(0, 7))]) + kept[place + 1 :]
        mark.write_bytes(content)

        assert seqs_in(folder) == list(range(acked if content == kept and kept else 0, 5))


@pytest.mark.capability("X1")
@given(st.integers(1, 6), st.data())
def test_a_torn_tail_costs_only_the_record_it_tore(count: int, data: st.DataObject) -> None:
    segment = framed(count)
    kept = data.draw(st.integers(0, len(segment)))

    read = [unpack(found.payload).seq for found in scan(segment[:kept], 0) if found.payload is not None]

    assert read == list(range(kept // (len(segment) // count)))


@pytest.mark.capability("X1")
def test_shed_numbers_are_named_by_one_gap_record_as_soon_as_there_is_room(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, bytes_max=65_536, segment=16_384)
    used = until_full(capture)
    for _ in range(5):
        capture.shed("completed", "spool_full")
    numbers = drained_records(tmp_path)
    capture.write_request(call(), b"after")
    numbers += drained_records(tmp_path)

    gaps = [one.gap for one in numbers if one.gap is not None]
    assert [(one.first_seq, one.last_seq, one.reason) for one in gaps if one][0] == (used, used + 1, "spool_full")
    covered = {n for one in gaps if one for n in range(one.first_seq, one.last_seq + 1)}
    plain = {one.seq for one in numbers if one.gap is None}
    assert covered | plain == set(range(capture.numbers_used))
    assert not covered & plain


def test_a_full_spool_keeps_room_for_the_end_of_a_call_in_hand(tmp_path: Path) -> None:
    writer = writer_in(tmp_path, bytes_max=65_536, segment=16_384)
    capture = SpoolCapture(
        writer, source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=10_000, completion_spare_bytes=20_000
    )
    until_full(capture)

    capture.write_end(call(), call_end(), b"", answered(b"the answer" * 100))


def test_a_spool_that_refuses_even_the_gap_record_owes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = writer_in(tmp_path)
    capture = SpoolCapture(writer, source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=10_000)

    def refuse(record: bytes, *, spare_bytes: int = 0) -> None:
        raise CaptureFull("no space left on device", "disk_refused")

    with monkeypatch.context() as patched:
        patched.setattr(writer, "append", refuse)
        capture.shed("requested", "disk_refused")
        assert not capture.write_gap()
        with pytest.raises(CaptureFull, match="what it shed"):
            capture.write_request(call(), b"")
    capture.write_request(call(), b"")

    owed, paid = drained_records(tmp_path)
    assert owed.gap is not None
    assert (owed.gap.first_seq, owed.gap.last_seq) == (0, 0)
    assert (paid.kind, paid.seq) == ("requested", 1)


def test_what_was_shed_is_named_once_there_is_room_though_no_call_comes(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, bytes_max=65_536, segment=16_384)
    until_full(capture)
    while capture.write_gap():
        capture.shed("completed", "spool_full")
    records = drained_records(tmp_path)
    assert covered(records) < set(range(capture.numbers_used))

    capture.write_head()

    assert covered(records + drained_records(tmp_path)) == set(range(capture.numbers_used))


def covered(records: Sequence[Record]) -> set[int]:
    """Numbers that have a record or are named by a gap record."""
    named = {n for one in records if one.gap for n in range(one.gap.first_seq, one.gap.last_seq + 1)}
    return named | {one.seq for one in records if one.gap is None}


def until_full(capture: SpoolCapture) -> int:
    """How many requests the spool took before it refused one."""
    for used in range(1_000):
        try:
            capture.write_request(call(), b"x" * 1_000)
        except CaptureFull:
            return used
    raise AssertionError("the spool was never full")


def drained_records(folder: Path) -> list[Record]:
    reader, records = SpoolReader(folder), []
    while (piece := reader.read()) is not None:
        records += [unpack(payload) for payload in piece.payloads]
        reader.acknowledge(piece)
    return records


def test_a_spool_smaller_than_its_segments_takes_records_again_once_drained(tmp_path: Path) -> None:
    capture = capture_in(tmp_path, bytes_max=65_536, segment=1_000_000)
    with pytest.raises(CaptureFull):
        filled_until_full(capture)

    drained(tmp_path)

    capture.write_request(call(), b"x" * 100)


def test_a_segment_on_a_full_disk_is_left_behind_so_that_draining_it_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = capture_in(tmp_path)
    capture.write_request(call(), b"x")
    with monkeypatch.context() as disk:
        disk.setattr(os, "write", refused)
        with pytest.raises(CaptureFull, match="No space left"):
            capture.write_request(call(), b"x")

    assert drained(tmp_path) == [0]
    assert spooled_bytes(tmp_path) == 0
    capture.write_request(call(), b"x")
    assert drained(tmp_path) == [1]


def test_no_segment_follows_one_that_the_disk_would_not_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = SpoolWriter(tmp_path, boot_epoch=NOON_US, bytes_max=65_536, segment_bytes_max=4_096, is_durable=True)
    WRITERS.append(writer)
    record = b"r" * 4_000
    writer.append(record)
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", refused)
        with pytest.raises(CaptureFull, match="refused a sync"):
            writer.append(record)

    assert len(list(tmp_path.glob("*.seg"))) == 1, "the drain would take the first for finished and delete it"


def filled_until_full(capture: SpoolCapture) -> None:
    while True:
        capture.write_end(call(), call_end(), b"in" * 100, answered(b"out" * 100))


def refused(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
