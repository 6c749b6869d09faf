"""One handle of the engine, used by one caller at a time and thrown away after any error.

Invariant: what a failed query left in a handle is never another caller's answer. A chDB handle whose query failed gives
its rows to the next query; so does a stream that broke.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Handle:
    """A client that is made when it is needed, and again after an error."""

    def __init__(self, open_client: Callable[[], Any]) -> None:
        """open_client: makes a client; measured: 30 ms embedded. Called at once, so that a bad setting is found at the start."""
        self._open = open_client
        self._lock = threading.Lock()
        self._client: Any = open_client()

    @contextmanager
    def take(self) -> Iterator[Any]:
        """The client for the length of the block; others wait. Raises what making one raises."""
        with self._lock:
            client, self._client = self._client or self._open(), None
            try:
                yield client
            except BaseException:
                with suppress(Exception):  # it is thrown away because it failed; how it closes says nothing more
                    client.close()
                raise
            self._client = client

    def close(self) -> None:
        """Close the client; the handle is not used after it."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
