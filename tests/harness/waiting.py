"""Waiting for a condition with a deadline; what tests, faults and the demo use instead of sleeping."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")

LOOK_S = 0.05
"""Seconds between looks. Chosen: small against the 0.2 s flush of the store."""

QUERY_LOOK_S = 0.25
"""Seconds between looks that are queries."""

PATIENCE_S = 120.0
"""Seconds until a test that waits for what takes milliseconds has failed. Arbitrary: any value from 60 to 200 would do; no busy
machine passes it, and pytest's own limit comes later."""

RECOVER_WITHIN_S = 240.0
"""Seconds after the last fault in which every acknowledged event must be accounted for. Arbitrary: any
value from 120 to 600 would do; it takes some tens of seconds."""

NOTICED_WITHIN_S = 90.0
"""Seconds in which a fault must show (a metric moves, a call is refused), else it was not injected. Arbitrary: any value
from 20 to 300 would do, because a fault that works shows within a few seconds."""


class NeverHappened(AssertionError):
    """A condition was not met before its deadline; the text says which, and how long it was awaited."""


def eventually(look: Callable[[], Value | None], *, within_s: float, what: str, look_s: float = LOOK_S) -> Value:
    """The first truthy value that `look` gives. Raises NeverHappened naming `what` and the last value otherwise.

    look_s: seconds between looks.
    """
    deadline_s = time.monotonic() + within_s
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline_s:
            raise NeverHappened(f"{what}: not within {within_s:g} s; last seen: {value!r}")
        lasts(look_s)


def is_reached(look: Callable[[], bool], within_s: float = RECOVER_WITHIN_S) -> bool:
    """Whether a state is reached in time. A ledger that does not close is a result, not an error: its row says so."""
    try:
        return eventually(look, within_s=within_s, what="the state", look_s=QUERY_LOOK_S)
    except NeverHappened:
        return False


def lasts(seconds: float) -> None:
    """Let a fault, or a pause between two looks, last."""
    threading.Event().wait(seconds)


def until_interrupted() -> None:
    """Wait until Ctrl-C raises KeyboardInterrupt."""
    threading.Event().wait()
