"""Conformal p-values: how extreme a score is among the reference scores, as a number that is uniform without change.

Guaranteed: if the reference scores and the new score are exchangeable (drawn alike, any distribution, ties allowed),
the p-value is exactly uniform on (0, 1), and so is one minus it. Not guaranteed: independence between later events,
because all share one reference. Given one reference the p-values are uniform up to about 1/sqrt(n); `e_detector` takes
a margin for that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import isnan, nan

import numpy as np
import numpy.typing as npt

from weir.detectors.reference import FloatArray

P_MIN = 1e-12
"""Least p-value (chosen: keeps every bet finite; far below 1 / (reference size + 1))."""


class Ranking:
    """The reference scores of all channels in one sorted array, so that one search ranks an event in every channel.

    `calibrations[c]` are the reference scores of channel c, sorted ascending; none for a channel without. An entry is a
    complex number: the channel is its real part, the score its imaginary one. numpy orders complex numbers by the real
    part, then by the imaginary one, exactly as pairs. 16 bytes a score, 0.3 MB for 2,000 events; not part of a checkpoint.
    A single event is ranked channel by channel instead, with the same arithmetic: a third of the time, since most of
    that is the overhead of some twenty small arrays.
    """

    def __init__(self, calibrations: Sequence[FloatArray]) -> None:
        sizes = [scores.size for scores in calibrations]
        self._columns = [array("d", scores.tolist()) for scores in calibrations]
        self._channels = np.arange(len(sizes), dtype=np.float64)
        self._entries = _pairs(np.repeat(self._channels, sizes), np.concatenate(calibrations))
        self._ends = np.cumsum(sizes)
        # A channel without reference scores divides by NaN, so that it has no p-value.
        self._places = np.array([size + 1.0 if size else np.nan for size in sizes])

    def p_values(self, scores: FloatArray, uniforms: FloatArray) -> FloatArray:
        """The randomised p-values of `scores` (events, channels): the fraction of reference scores above, ties broken.

        `uniforms` (events,) lie strictly between 0 and 1. NaN scores, and channels without reference scores, give NaN.
        Near 0 means larger than usual, near 1 smaller.
        """
        if len(scores) == 1:
            (uniform,) = uniforms.tolist()
            columns = zip(self._columns, scores[0].tolist(), strict=True)
            return np.array([[_p_value(column, score, uniform) for column, score in columns]])
        # One search: to the left of the next larger number is to the right of this one.
        wanted = np.empty((2, *scores.shape), dtype=np.complex128)
        wanted.real, wanted.imag[0] = self._channels, scores
        np.nextafter(scores, np.inf, out=wanted.imag[1])
        first, last = self._entries.searchsorted(wanted)
        above, equal = self._ends - last, last - first
        values = (above + uniforms[:, None] * (equal + 1.0)) / self._places
        values[np.isnan(scores)] = np.nan
        return np.asarray(np.minimum(np.maximum(values, P_MIN), 1.0 - P_MIN))


def _p_value(column: array[float], score: float, uniform: float) -> float:
    """The p-value of one score among a sorted column."""
    size = len(column)
    if not size or isnan(score):
        return nan
    first = last = bisect_left(column, score)
    if first < size and column[first] == score:
        last = bisect_right(column, score, first)
    return min(max((size - last + uniform * (last - first + 1.0)) / (size + 1.0), P_MIN), 1.0 - P_MIN)


def _pairs(channels: FloatArray, scores: FloatArray) -> npt.NDArray[np.complex128]:
    pairs = np.empty(scores.shape, dtype=np.complex128)
    pairs.real, pairs.imag = channels, scores
    return pairs
