"""Waits: for the first of some events, for time, never past a stop."""

from __future__ import annotations

import asyncio

from harness.waiting import PATIENCE_S
from weir.runtime.waits import first_of, wait_or_stop


async def test_the_first_event_ends_the_wait_and_no_task_is_left() -> None:
    one, other = asyncio.Event(), asyncio.Event()
    other.set()

    async with asyncio.timeout(PATIENCE_S):
        await first_of(one, other)
        await first_of(one, within_s=0.001)
        await wait_or_stop(other, 60)
        await wait_or_stop(one, 0.001)

    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}
