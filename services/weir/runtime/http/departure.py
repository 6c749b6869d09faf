"""A client that goes away: the tasks that work on its answer are cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import ClientDisconnect

DEPARTURE = "weir.departure"
"""Key of an ASGI scope: the `Departure` of the request's connection."""


class Departure:
    """The end of one connection, and the tasks that it cancels."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[object]] = set()
        self._has_happened = False

    def happen(self) -> None:
        """The client is gone."""
        self._has_happened = True
        while self._tasks:
            self._tasks.pop().cancel()

    @contextmanager
    def cancels(self) -> Iterator[None]:
        """Run the block while the client is there. Raises ClientDisconnect where it goes away, or is gone already."""
        if self._has_happened:
            raise ClientDisconnect
        task = asyncio.current_task()
        assert task is not None, "a request is answered in a task"
        self._tasks.add(task)
        try:
            yield
        except asyncio.CancelledError:
            if self._has_happened and task.uncancel() == 0:
                raise ClientDisconnect from None
            raise
        finally:
            self._tasks.discard(task)
