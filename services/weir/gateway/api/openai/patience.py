"""Patience: how long a server is waited for in one call, all waits together. What passes between waits is not the server's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Patience:
    """Of one call."""

    def __init__(self, seconds: float) -> None:
        self._left_s = seconds

    @asynccontextmanager
    async def wait(self) -> AsyncIterator[None]:
        """Wait for the server in the block. Raises TimeoutError once the time is spent."""
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        try:
            async with asyncio.timeout(self._left_s):
                yield
        finally:
            self._left_s -= now_s() - begun_s
