"""Group sync: who waits together is served by one sync, and a disk that refuses is never believed again."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from builders import NOON_US
from weir.gateway.adapters.spool import SpoolWriter
from weir.gateway.group_sync import GroupSync
from weir.gateway.ports import CaptureFull


class CountingWriter(SpoolWriter):
    """A real writer whose syncs are counted, held back and made to fail."""

    syncs = 0
    fails = 0

    def sync(self) -> None:
        """Counted; waits until the test lets go."""
        self.syncs += 1
        self.release.wait(10)
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
    first = asyncio.create_task(group.synced())
    while not writer.syncs:
        await asyncio.sleep(0)
    others = [asyncio.create_task(group.synced()) for _ in range(50)]
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
        await group.synced()
    await group.synced()

    assert len(list(tmp_path.glob("*.seg"))) == 2
    writer.close()


async def test_a_caller_that_goes_away_harms_nobody(writer: CountingWriter) -> None:
    group = GroupSync(writer)
    leaving, staying = asyncio.create_task(group.synced()), asyncio.create_task(group.synced())
    while not writer.syncs:
        await asyncio.sleep(0)
    leaving.cancel()
    writer.release.set()

    await staying
    assert leaving.cancelled() or leaving.cancelling()
    writer.close()
