"""Conformal p-values: how extreme a score is among the reference scores, as a number that is uniform without change.

Guaranteed: if the reference scores and the new score are exchangeable (drawn alike, any distribution, ties allowed),
the p-value is exactly uniform on (0, 1), and so is one minus it. Not guaranteed: independence between later events,
because all share one reference. Given one reference the p-values are uniform up to about 1/sqrt(n); `e_detector` takes
a margin for that.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir.drift.core.reference import FloatArray

P_MIN = 1e-12
"""Least p-value (chosen: keeps every bet finite; far below 1 / (reference size + 1))."""


def p_values(scores: FloatArray, calibrations: Sequence[FloatArray], uniforms: FloatArray) -> FloatArray:
    """The randomised p-values of `scores` (events, channels): the fraction of reference scores above, ties broken.

    `calibrations[c]` are the reference scores of channel c, sorted ascending; `uniforms` (events,) lie strictly
    between 0 and 1. NaN scores, and channels without reference scores, give NaN. Near 0 means larger than usual, near
    1 smaller.
    """
    # Everything up to a score is what lies below the next larger number: one search gives both ends of a tie.
    ends = np.stack((scores, np.nextafter(scores, np.inf)))
    places = np.empty_like(ends)
    for channel, reference_scores in enumerate(calibrations):
        places[:, :, channel] = reference_scores.searchsorted(ends[:, :, channel])
    below, not_above = places
    sizes = np.array([reference_scores.size for reference_scores in calibrations], dtype=np.float64)
    ranks = (sizes - not_above) + uniforms[:, None] * (not_above - below + 1.0)
    values = np.minimum(np.maximum(ranks / (sizes + 1.0), P_MIN), 1.0 - P_MIN)
    values[np.isnan(scores) | (sizes == 0.0)] = np.nan
    return np.asarray(values)
