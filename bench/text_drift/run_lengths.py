"""Run lengths: what alarms on streams without change, and delays after one, say, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import binom, chi2

CONFIDENCE = 0.95
"""Of the intervals: the usual level."""


@dataclass(frozen=True, slots=True)
class RunLength:
    """Mean events to a false alarm from `alarms` in `events`, with its interval; infinite ends where alarms are few."""

    events: int
    alarms: int
    mean: float
    low: float
    high: float


def run_length(events: int, alarms: int) -> RunLength:
    """Maximum likelihood for exponential times, censored at the ends of the streams; exact (chi-square) interval."""
    tail = (1.0 - CONFIDENCE) / 2.0
    low = 2.0 * events / chi2.ppf(1.0 - tail, 2 * alarms + 2)
    high = 2.0 * events / chi2.ppf(tail, 2 * alarms) if alarms else np.inf
    return RunLength(events, alarms, events / alarms if alarms else np.inf, float(low), float(high))


@dataclass(frozen=True, slots=True)
class Delay:
    """Events from a change to the alarm, over `runs` without an earlier alarm.

    `detected` is the share within the horizon; `median` (with its interval) and `p90` are infinite beyond it.
    """

    runs: int
    detected: float
    median: float
    low: float
    high: float
    p90: float


def delay(first_alarms: npt.NDArray[np.int64], change: int) -> Delay:
    """Delays of streams whose event number `change` (from 0) is the first changed one.

    `first_alarms`: number (from 0) of the event that alarmed, -1 for none within the horizon. An alarm at the first
    changed event is a delay of 1. The interval of the median is exact (order statistics).
    """
    kept = first_alarms[(first_alarms < 0) | (first_alarms >= change)]
    delays = np.sort(np.where(kept < 0, np.inf, kept - change + 1.0))
    runs = delays.size
    if not runs:
        return Delay(0, 0.0, np.inf, np.inf, np.inf, np.inf)
    low = int(binom.ppf((1.0 - CONFIDENCE) / 2.0, runs, 0.5))
    return Delay(
        runs=runs,
        detected=float(np.isfinite(delays).mean()),
        median=_quantile(delays, 0.5),
        low=float(delays[max(low - 1, 0)]),
        high=float(delays[min(runs - low, runs - 1)]),
        p90=_quantile(delays, 0.9),
    )


def _quantile(ordered: npt.NDArray[np.float64], share: float) -> float:
    """The least value that at least `share` of the values do not exceed: exists also among infinite ones."""
    return float(ordered[max(int(np.ceil(share * ordered.size)) - 1, 0)])
