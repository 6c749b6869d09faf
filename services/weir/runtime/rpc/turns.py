"""Turns of the event loop: a call with much to read or write lets others run in between."""

from __future__ import annotations

import asyncio

UNBROKEN_MAX = 16
"""Messages that a call reads or writes before others have a turn. Chosen: a unary call never waits for it; a stream's turn takes
some milliseconds at most."""


class Turns:
    """Of one call: neither reading nor writing waits while there is something to do."""

    __slots__ = ("_unbroken",)

    def __init__(self) -> None:
        self._unbroken = 0

    async def give(self) -> None:
        """Let other calls run after UNBROKEN_MAX messages."""
        self._unbroken += 1
        if self._unbroken >= UNBROKEN_MAX:
            self._unbroken = 0
            await asyncio.sleep(0)
