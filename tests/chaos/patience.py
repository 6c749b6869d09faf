"""How long the suite waits, and for what: limits suit a slow machine that others use too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

RECOVER_WITHIN_S = 240.0
"""Seconds after the last fault in which every acknowledged event must be accounted for. Chosen: far above what is seen."""

NOTICED_WITHIN_S = 90.0
"""Seconds in which a fault must show (a metric moves, a call is refused), else it was not injected. Chosen."""

LOOK_S = 0.25
"""Seconds between looks; a look is a query."""


def lasts(seconds: float) -> None:
    """Let a fault last."""
    threading.Event().wait(seconds)


def is_reached(look: Callable[[], bool], within_s: float = RECOVER_WITHIN_S) -> bool:
    """Whether a state is reached in time. A ledger that does not close is a result, not an error: its row says so."""
    deadline_s = time.monotonic() + within_s
    while not look():
        if time.monotonic() > deadline_s:
            return False
        lasts(LOOK_S)
    return True
