"""Advisors: river's univariate detectors over the last events, beside the bank and outside its promise.

A second opinion for a person who looks at a stream: has something moved *lately*? They compare the last events with
each other, not with the reference, and neither warn nor page.

They read p-values, which lie between 0 and 1 and are uniform without change, so one threshold fits every channel. river's
detectors change in place and cannot be put into a checkpoint without pickle; so the monitor keeps the last p-values and
each question is answered by new detectors that read them from the oldest on: about 5 ms, only when somebody asks.

What they promise. ADWIN: cuts its window where two parts differ by more than a Hoeffding-type bound at `ADWIN_DELTA`;
for independent values between 0 and 1, conservative (no false cut in 200 windows of uniform numbers, measured).
Page-Hinkley: nothing; its threshold was set by simulation (0 of 200 windows of uniform numbers).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
from river.drift import ADWIN, PageHinkley

from weir.state import ARRAY

ADVISED = ("knn-novelty", "length")
"""Channels that the advisors read."""

MEMORY_EVENTS = 1_024
"""Events that they look back (chosen: 8 kB in a checkpoint)."""

ADWIN_DELTA = 0.05
"""Confidence of a cut. Measured on uniform numbers: river's own 0.002 misses half of the shifts that this one finds."""

PAGE_HINKLEY_THRESHOLD = 25.0
"""Cumulated deviation that counts as a change, in units of the p-value."""

AdvisedP = Annotated[npt.NDArray[np.float32], ARRAY]
"""P-values (events, ADVISED) of the last events, oldest first, NaN where skipped."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What one detector says of one channel. `changed_index`: the monitored event (from 1) at which it last saw a
    change, None for none. `mean_p`: mean p-value since; near 0.5 without change.
    """

    name: str
    guarantee: str
    changed_index: int | None
    mean_p: float


def advice_on(p: AdvisedP, last_index: int) -> list[Advice]:
    """What every detector says of every channel. last_index: the number of the last event of `p`."""
    advice: list[Advice] = []
    first = last_index - len(p) + 1
    for column, channel in enumerate(ADVISED):
        kept = np.flatnonzero(~np.isnan(p[:, column]))
        values = p[kept, column].astype(np.float64).tolist()
        for name, guarantee, detector in (
            ("adwin", "Hoeffding-type bound for independent events; not part of the promise", _adwin()),
            ("page-hinkley", "none", PageHinkley(threshold=PAGE_HINKLEY_THRESHOLD)),
        ):
            found = _last_change(detector, values)
            since = values if found is None else values[found:]
            index = None if found is None else first + int(kept[found])
            advice.append(Advice(f"{name}/{channel}", guarantee, index, float(np.mean(since)) if since else 0.5))
    return advice


def remembered(p: AdvisedP, new: AdvisedP) -> AdvisedP:
    """The last `MEMORY_EVENTS` of `p` and the `new` ones after them."""
    kept = p[max(0, len(p) + len(new) - MEMORY_EVENTS) :]
    # In rows: columns picked from an array may lie the other way, and a checkpoint would keep that.
    return np.ascontiguousarray(np.concatenate((kept, new[-MEMORY_EVENTS:])))


def nothing_advised() -> AdvisedP:
    """P-values of no events."""
    return np.zeros((0, len(ADVISED)), dtype=np.float32)


def _adwin() -> ADWIN:
    return ADWIN(delta=ADWIN_DELTA)  # type: ignore[no-untyped-call]  # river's constructor has no types


def _last_change(detector: ADWIN | PageHinkley, values: list[float]) -> int | None:
    found = None
    for place, value in enumerate(values):
        detector.update(value)  # type: ignore[no-untyped-call]  # as above
        if detector.drift_detected:
            found = place
    return found
