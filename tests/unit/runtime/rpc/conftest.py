"""Both libraries on both sides, on the loop that the services run on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from harness.rpc.pairs import Pair, a_pair
from weir.runtime.rpc.library import Library

PAIRS: list[tuple[Library, Library]] = [
    ("fast", "fast"), ("fast", "reference"), ("reference", "fast"), ("reference", "reference"),
]  # fmt: skip


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of the services."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(params=PAIRS, ids=lambda pair: f"{pair[0]} server, {pair[1]} client")
def libraries(request: pytest.FixtureRequest) -> tuple[Library, Library]:
    """The server's and the channel's library."""
    return request.param  # type: ignore[no-any-return]  # a parameter has no type


@pytest.fixture(params=["fast", "reference"])
def library(request: pytest.FixtureRequest) -> Library:
    """The library of one side."""
    return request.param  # type: ignore[no-any-return]  # a parameter has no type


@pytest.fixture
async def pair(libraries: tuple[Library, Library]) -> AsyncIterator[Pair]:
    """A server and a channel to it."""
    async with a_pair(libraries) as both:
        yield both
