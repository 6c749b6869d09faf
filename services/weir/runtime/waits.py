"""Waits of a service's tasks: for time, for events, and never past a stop."""

from __future__ import annotations

import asyncio


async def wait_or_stop(stop: asyncio.Event, seconds: float) -> None:
    """Wait for `seconds`, or less when `stop` is set."""
    await first_of(stop, within_s=seconds)


async def first_of(*events: asyncio.Event, within_s: float | None = None) -> None:
    """Wait until one of the events is set, or until so many seconds passed where they are given."""
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
