"""Matching: the threshold at which a peer's false alarms on given streams are as rare as asked (an oracle).

Only peers get it: in use nobody has streams known to hold no change. Weir's thresholds come from the reference alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

STEPS = 30
"""Halvings of the interval: far finer than one alarm more or less."""


def count_alarms(statistics: npt.NDArray[np.float32], threshold: float, quiet_events: int) -> int:
    """Alarms in `statistics` (streams, events): after each, `quiet_events` events cannot alarm (the window refills)."""
    alarms = 0
    for stream in statistics:
        above = np.flatnonzero(stream >= threshold)
        place = 0
        while place < above.size:
            alarms += 1
            place = int(np.searchsorted(above, above[place] + quiet_events, side="right"))
    return alarms


def matched_threshold(statistics: npt.NDArray[np.float32], arl_events: float, quiet_events: int) -> float:
    """The least threshold found by halving whose mean run length on `statistics` is at least `arl_events`."""
    allowed = statistics.size / arl_events
    low, high = float(np.nanmedian(statistics)), float(np.nanmax(statistics)) * 1.001
    for _ in range(STEPS):
        middle = (low + high) / 2.0
        if count_alarms(statistics, middle, quiet_events) <= allowed:
            high = middle
        else:
            low = middle
    return high
