"""Waiting for a condition with a deadline; what tests use instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

LOOK_S = 0.05
"""Seconds between looks. Chosen."""


def eventually(look: Callable[[], Value | None], *, within_s: float, what: str) -> Value:
    """The first truthy value that `look` gives. Raises AssertionError naming `what` and the last value otherwise."""
    ticking = threading.Event()
    deadline_s = time.monotonic() + within_s
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline_s:
            raise AssertionError(f"{what} did not come within {within_s} s; last seen: {value!r}")
        ticking.wait(LOOK_S)
