"""Step: what the bank made of one event. Whoever explains, compares or signals folds over steps, in their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weir.detectors.observation import Observation
from weir.detectors.outcomes import Outcome
from weir.detectors.reference import FloatArray

NO_P = np.zeros(0)
"""The p-values of an event that joined a reference: none."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One event that entered the alarm path, and the `outcomes` that arose at it.

    `index` counts monitored events from 1, `p` (channels,) are its p-values, NaN where a channel skipped it. An event that
    joined a reference has index 0 and `NO_P`.
    """

    observation: Observation
    index: int
    p: FloatArray
    outcomes: tuple[Outcome, ...]
