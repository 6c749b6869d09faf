"""A client that goes away ends the work for it, and nothing else does."""

from __future__ import annotations

import asyncio

import pytest
from starlette.requests import ClientDisconnect

from weir.runtime.http.departure import Departure


async def work(departure: Departure) -> None:
    with departure.cancels():
        await asyncio.Event().wait()


async def test_it_ends_every_task_that_works_for_the_client() -> None:
    departure = Departure()
    tasks = [asyncio.create_task(work(departure)) for _ in range(2)]
    await asyncio.sleep(0)

    departure.happen()
    departure.happen()

    assert [type(end) for end in await asyncio.gather(*tasks, return_exceptions=True)] == [ClientDisconnect] * 2


async def test_no_work_begins_for_a_client_that_is_gone() -> None:
    departure = Departure()
    departure.happen()

    with pytest.raises(ClientDisconnect):
        await work(departure)


async def test_a_cancelled_task_stays_cancelled() -> None:
    departure = Departure()
    alone, both = asyncio.create_task(work(departure)), asyncio.create_task(work(departure))
    await asyncio.sleep(0)

    alone.cancel()
    await asyncio.wait({alone})
    both.cancel()
    departure.happen()

    ends = await asyncio.gather(alone, both, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2


async def test_work_that_is_done_is_left_alone() -> None:
    departure = Departure()
    with departure.cancels():
        await asyncio.sleep(0)

    departure.happen()

    await asyncio.sleep(0)
