"""Group sync: who waits together is served by one sync, and a disk that refuses is never believed again."""

from __future__ import annotations

import asyncio
import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.failing_disk import FailingDisk
from harness.samples.builders import NOON_US
from harness.waiting import PATIENCE_S
from weir.capture.capture_full import CaptureFull
from weir.capture.group_sync import GroupSync
from weir.capture.spool import SpoolWriter


class CountingWriter(SpoolWriter):
    """A real writer whose syncs are counted, held back and made to fail."""

    syncs = 0
    fails = 0

    def sync(self) -> None:
        """Counted; waits until the test lets go."""
        self.syncs += 1
        self.release.wait(PATIENCE_S)
        if self.fails:
            self.fails -= 1
            raise OSError(5, "Input/output error")
        super().sync()

    release: threading.Event


@pytest.fixture
def writer(tmp_path: Path) -> CountingWriter:
    made = CountingWriter(tmp_path, boot_epoch=NOON_US, bytes_max=100_000, segment_bytes_max=10_000, is_durable=True)
    made.release = threading.Event()
    return made


@pytest.mark.capability("X1")
async def test_calls_that_wait_together_share_a_sync(writer: CountingWriter) -> None:
    group = GroupSync(writer)
    first = asyncio.create_task(group.sync())
    while not writer.syncs:
        await asyncio.sleep(0)
    others = [asyncio.create_task(group.sync()) for _ in range(50)]
    await asyncio.sleep(0)
    writer.release.set()
    await asyncio.gather(first, *others)

    assert writer.syncs == 2
    writer.close()


@pytest.mark.capability("X1")
async def test_a_failed_sync_fails_its_calls_and_the_segment_is_left(writer: CountingWriter, tmp_path: Path) -> None:
    writer.release.set()
    writer.fails = 1
    group = GroupSync(writer)

    with pytest.raises(CaptureFull, match="did not sync: Input/output error"):
        await group.sync()
    await group.sync()

    assert len(list(tmp_path.glob("*.seg"))) == 2
    writer.close()


async def test_a_caller_that_goes_away_harms_nobody(writer: CountingWriter) -> None:
    group = GroupSync(writer)
    leaving, staying = asyncio.create_task(group.sync()), asyncio.create_task(group.sync())
    while not writer.syncs:
        await asyncio.sleep(0)
    leaving.cancel()
    writer.release.set()

    await staying
    assert leaving.cancelled() or leaving.cancelling()
    writer.close()


@dataclass
class NotingDisk(FailingDisk):
    """Notes which file each sync was asked of."""

    synced: list[str] = field(default_factory=list)

    def fdatasync(self, file: int) -> None:
        """Noted, also when it is refused."""
        self.synced.append(os.readlink(f"/proc/self/fd/{file}"))
        super().fdatasync(file)


def durable_writer(folder: Path, disk: FailingDisk) -> SpoolWriter:
    return SpoolWriter(
        folder, boot_epoch=NOON_US, bytes_max=100_000, segment_bytes_max=10_000, is_durable=True, disk=disk
    )


@pytest.mark.capability("X1")
async def test_waiters_are_told_when_the_next_segment_cannot_open(tmp_path: Path) -> None:
    disk = FailingDisk()
    writer = durable_writer(tmp_path, disk)
    group = GroupSync(writer)
    writer.append(b"first")
    disk.refuses = frozenset({"fdatasync", "open"})

    async with asyncio.timeout(PATIENCE_S):
        told = await asyncio.gather(*(group.sync() for _ in range(3)), return_exceptions=True)
        assert [type(one) for one in told] == [CaptureFull] * 3
        with pytest.raises(CaptureFull, match="cannot open"):
            await group.sync()
        disk.mended()
        await group.sync()

    assert max(tmp_path.glob("*.seg")).read_bytes() == b"first"
    writer.close()


@pytest.mark.capability("X1")
async def test_a_segment_whose_sync_failed_is_never_synced_again(tmp_path: Path) -> None:
    disk = NotingDisk(refuses=frozenset({"fdatasync"}), first=0, times=1, error=5)
    writer = durable_writer(tmp_path, disk)
    group = GroupSync(writer)
    writer.append(b"first")
    with pytest.raises(CaptureFull, match="did not sync"):
        await group.sync()
    for _ in range(5):
        writer.append(b"x" * 4_000)
        await group.sync()

    assert disk.synced[0] not in disk.synced[1:]
    writer.close()


@pytest.mark.capability("X1")
@pytest.mark.parametrize("refused", ["fdatasync", "fsync", "open", "write"])
async def test_what_a_failed_sync_left_unsure_is_written_into_the_next_segment(tmp_path: Path, refused: str) -> None:
    """A call whose record was written and that waits only after the failure is not told that it is safe where it is not."""
    disk = FailingDisk(error=5)
    writer = durable_writer(tmp_path, disk)
    group = GroupSync(writer)
    writer.append(b"one ")
    writer.append(b"two ")
    disk.refuses = frozenset({"fdatasync", refused})
    with pytest.raises(CaptureFull):
        await group.sync()
    disk.mended()
    await group.sync()
    writer.append(b"three")
    await group.sync()

    assert max(tmp_path.glob("*.seg")).read_bytes() == b"one two three"
    writer.close()


async def test_an_error_that_nobody_expects_leaves_no_waiter_behind(tmp_path: Path) -> None:
    class Broken(SpoolWriter):
        def sync(self) -> None:
            raise RuntimeError("can't start new thread")

    writer = Broken(tmp_path, boot_epoch=NOON_US, bytes_max=100_000, segment_bytes_max=10_000, is_durable=True)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(CaptureFull):
            await GroupSync(writer).sync()
    writer.close()
