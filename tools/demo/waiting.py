"""Waiting for a condition, with a deadline and a sentence about what was missing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

POLL_S = 0.05
"""Seconds between two looks. Chosen: small against the 0.2 s flush of the store."""


class NeverHappened(Exception):
    """A condition was not met before its deadline; the text says which, and for how long it was awaited."""


def until(look: Callable[[], Found | None], deadline_s: float, what: str, poll_s: float = POLL_S) -> Found:
    """The first result of `look` that is neither None nor False. Raises NeverHappened after `deadline_s` seconds.

    what: the condition as words, for the error.
    """
    pause = threading.Event()
    end = time.monotonic() + deadline_s
    while True:
        found = look()
        if found is not None and found is not False:
            return found
        if time.monotonic() >= end:
            raise NeverHappened(f"{what}: not within {deadline_s:g} s")
        pause.wait(poll_s)


def until_interrupted() -> None:
    """Wait until Ctrl-C raises KeyboardInterrupt."""
    threading.Event().wait()
