"""Calls in the tests of both libraries: how they fail, and what is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc.aio
import pytest

from harness.rpc.pairs import Pair

WITHIN_S = 60.0
"""Seconds in which anything must come. Chosen: six hundred times what it takes on a quiet machine."""

DEADLINE_S = 0.4
"""A deadline that passes while a handler works: time enough for it to begin on a busy machine."""


async def failure(call: Any) -> grpc.aio.AioRpcError:
    """How a call fails."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with asyncio.timeout(WITHIN_S):
            await call
    return caught.value


def by_name(metadata: Iterable[Any]) -> list[Any]:
    """Metadata by its names: gRPC keeps the order of values of one name only."""
    return sorted(((name, value) for name, value in metadata), key=lambda one: one[0])


async def messages(*sent: bytes) -> AsyncIterator[bytes]:
    """These messages."""
    for one in sent:
        yield one


async def until_waiting(pair: Pair) -> None:
    """Wait until the handler waits."""
    async with asyncio.timeout(WITHIN_S):
        await pair.handlers.waiting.wait()


async def until_ended(pair: Pair) -> None:
    """Wait until the handler is told."""
    async with asyncio.timeout(WITHIN_S):
        while not pair.handlers.ended:
            await asyncio.sleep(0.002)
