"""Conformal p-values: how extreme a score is among the reference scores, on a scale that is uniform when nothing changed.

Guaranteed: if the reference scores and the new score are exchangeable (drawn alike, any distribution, ties allowed), the p-value is
exactly uniform on (0, 1), and so is one minus it. Not guaranteed: independence between later events, because all share one
reference. Given one reference the p-values are uniform up to about 1/sqrt(n); with n = 1,000 to 2,000 the time to a false alarm
then varied from 0.8 to 5 times the promise between references (measured), which is why small references are refused.
"""

from __future__ import annotations

import numpy as np

from weir.drift.core.reference import FloatArray

P_MIN = 1e-12
"""Least p-value (chosen: keeps every bet finite; far below 1 / (reference size + 1))."""


def p_values(scores: FloatArray, reference_scores: FloatArray, uniforms: FloatArray) -> FloatArray:
    """The randomised p-value of each score: the fraction of reference scores above it, ties broken by `uniforms`.

    `reference_scores` must be sorted ascending; `uniforms` lie strictly between 0 and 1, one per score. NaN scores give NaN.
    Small means larger than usual, near one means smaller than usual.
    """
    below = np.searchsorted(reference_scores, scores, side="left")
    not_above = np.searchsorted(reference_scores, scores, side="right")
    size = reference_scores.size
    ranks = (size - not_above) + uniforms * (not_above - below + 1)
    values = np.clip(ranks / (size + 1), P_MIN, 1.0 - P_MIN)
    return np.where(np.isnan(scores), np.nan, values)
