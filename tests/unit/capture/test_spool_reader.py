"""Laws of the spool's reader: a segment and its position file go together, whenever it dies and whatever the disk refuses."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from harness.failing_disk import FailingDisk
from harness.samples.builders import NOON_US, call
from weir.capture.spool import SpoolWriter
from weir.capture.spool_reader import SpoolReader
from weir.gateway.calls.capture import SpoolCapture


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[SpoolCapture]:
    writer = SpoolWriter(tmp_path, boot_epoch=NOON_US, bytes_max=1_000_000, segment_bytes_max=4_096)
    yield SpoolCapture(writer, source="gateway/1", boot_epoch=NOON_US, capture_bytes_max=10_000)
    writer.close()


def drain(folder: Path) -> None:
    reader = SpoolReader(folder)
    while (piece := reader.read()) is not None:
        reader.acknowledge(piece)


@pytest.mark.parametrize("deaths", range(3))
def test_a_death_while_a_segment_is_removed_leaves_nothing_after_the_next_start(
    tmp_path: Path, capture: SpoolCapture, deaths: int
) -> None:
    """Killed at either of the two removals of a finished segment, and after both."""
    for _ in range(30):
        capture.write_request(call(), b"x" * 500)
    oldest, disk = min(tmp_path.glob("*.seg")), FailingDisk()
    reader = SpoolReader(tmp_path, disk)
    piece = reader.read()
    assert piece is not None
    assert piece.is_finished
    reader.acknowledge(replace(piece, is_finished=False))
    mark = oldest.with_suffix(".acked")
    mark.with_name(f"{mark.name}.partial").write_bytes(b"of a death")
    disk.refuses, disk.first = frozenset({"unlink"}), deaths
    with suppress(OSError):
        reader.acknowledge(piece)
    assert (oldest.exists(), mark.exists()) == ((True, True), (False, True), (False, False))[deaths]

    strange = [tmp_path / name for name in ("notes.acked", f"{oldest.stem}.acked.refused")]
    for path in strange:
        path.write_bytes(b"not ours")
    SpoolReader(tmp_path)
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(oldest.stem)}
    assert (mark.name in left) == oldest.exists(), "a mark stays as long as its segment, and no longer"
    drain(tmp_path)
    SpoolReader(tmp_path)
    assert set(tmp_path.glob(f"{oldest.stem}*")) | set(tmp_path.glob("notes*")) == set(strange), "what is no mark stays"


def test_a_disk_that_removes_nothing_does_not_stop_the_reader_of_the_spool(
    tmp_path: Path, capture: SpoolCapture
) -> None:
    capture.write_request(call(), b"in")
    orphan = tmp_path / f"{NOON_US:020d}-00000000.acked"
    orphan.write_bytes(b"of a death")

    for refused in ("unlink", "names"):
        reader = SpoolReader(tmp_path, FailingDisk(refuses=frozenset({refused}), times=1))
        assert reader.read() is not None
        assert orphan.exists()
    SpoolReader(tmp_path)
    assert not orphan.exists()
