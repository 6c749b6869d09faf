"""The peer that online MMD detectors compute: a sliding window of 100 events against the reference, at every event.

Unbiased MMD squared with a Gaussian kernel, width by the median heuristic on the reference, exact: the kernel between all
texts is computed once, and a window is updated by the row that enters and the one that leaves. Many streams at once.
alibi-detect's MMDDriftOnline computes the same statistic.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .streams import Floats, Rows

WINDOW_EVENTS = 100
"""Events of the window (the study's setting for the peer)."""

Kernel = npt.NDArray[np.float32]


def kernel_of(vectors: npt.NDArray[np.float32], reference: Rows) -> Kernel:
    """Gaussian kernel (rows, rows) of unit rows; width: median distance within `reference`. 440 MB for 10,500 rows."""
    inner = vectors[reference] @ vectors[reference].T
    median = float(np.median(2.0 - 2.0 * inner[np.triu_indices(reference.size, 1)]))
    kernel = vectors @ vectors.T
    kernel -= 1.0
    kernel *= 1.0 / median
    np.exp(kernel, out=kernel)
    return kernel


class WindowMmd:
    """The statistic of `streams` windows; NaN while a window fills."""

    def __init__(self, kernel: Kernel, reference: Rows, streams: int) -> None:
        self._kernel = kernel
        self._near = kernel[:, reference].mean(axis=1, dtype=np.float64)
        within = kernel[np.ix_(reference, reference)]
        size = reference.size
        self._constant = float(within.sum(dtype=np.float64) - np.trace(within)) / (size * (size - 1))
        self._window = np.zeros((streams, WINDOW_EVENTS), dtype=np.int64)
        self._pairs, self._to_reference = np.zeros(streams), np.zeros(streams)
        self._seen = 0

    def step(self, rows: npt.NDArray[np.int64]) -> Floats:
        """The statistics (streams,) after one event in each stream."""
        place, held = self._seen % WINDOW_EVENTS, min(self._seen, WINDOW_EVENTS)
        if held == WINDOW_EVENTS:
            leaving = self._window[:, place].copy()
            self._pairs -= 2.0 * (self._sums(leaving, held) - 1.0)
            self._to_reference -= self._near[leaving]
        # The place of the new row does not count: it holds the one that left, or nothing yet.
        others = self._sums(rows, held)
        if held == WINDOW_EVENTS:
            others -= self._kernel[rows, leaving]
        self._pairs += 2.0 * others
        self._to_reference += self._near[rows]
        self._window[:, place] = rows
        self._seen += 1
        if self._seen < WINDOW_EVENTS:
            return np.full(rows.size, np.nan)
        window = WINDOW_EVENTS
        return self._pairs / (window * (window - 1)) - 2.0 * self._to_reference / window + self._constant

    def keep(self, streams: npt.NDArray[np.bool_]) -> None:
        """Go on with these streams alone."""
        self._window, self._pairs = self._window[streams], self._pairs[streams]
        self._to_reference = self._to_reference[streams]

    def _sums(self, rows: npt.NDArray[np.int64], held: int) -> Floats:
        return np.asarray(self._kernel[rows[:, None], self._window[:, :held]].sum(axis=1, dtype=np.float64))


def trajectories(kernel: Kernel, reference: Rows, rows: Rows) -> npt.NDArray[np.float32]:
    """The statistic after every event of `rows` (streams, events): for choosing a threshold."""
    window = WindowMmd(kernel, reference, len(rows))
    return np.stack([window.step(events).astype(np.float32) for events in rows.T], axis=1)


def first_alarms(kernel: Kernel, reference: Rows, rows: Rows, threshold: float) -> Rows:
    """The event of each stream's first statistic of `threshold` or more, -1 for none."""
    window, alive = WindowMmd(kernel, reference, len(rows)), np.arange(len(rows))
    first = np.full(len(rows), -1)
    for event, events in enumerate(rows.T):
        above = window.step(events[alive]) >= threshold
        if above.any():
            first[alive[above]] = event
            window.keep(~above)
            alive = alive[~above]
        if not alive.size:
            break
    return first
