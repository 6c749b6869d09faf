"""Multi-scale EWMA of the mean embedding: is the middle of the traffic moving, fast or slowly?

Every embedding x becomes y = M (x - centre), with M = (S + tr(S)/d I)^(-1/2) from the reference covariance S: the
shrinkage-whitened metric, which needs a third of the events on near topics and half on templates that the plain one
needs (measured). Four moving averages of y, from 10 to 250 events long, alarm when their squared length passes a
threshold.

Guaranteed: nothing by theorem. The thresholds come from simulation on the reference (`ewma_fit`), which kept the
promise within sampling error on real text at an ARL of 5,000. It cannot see tails rarer than the reference, so this
part warns and never pages.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.drift.core.observation import FloatVector
from weir.drift.core.reference import EmbeddingMatrix, FloatArray

LAMBDAS = np.array([0.1, 0.03, 0.01, 0.004], dtype=np.float32)
"""Weight of the newest event at each scale (from the study): memories of about 10, 33, 100 and 250 events."""


@dataclass(frozen=True, slots=True, eq=False)
class EwmaModel:
    """What the averages are measured by: `centre` (d,), `metric` M (d, d), and per scale `thresholds` and `typical`
    (the median) of the squared length.
    """

    centre: FloatVector
    metric: EmbeddingMatrix
    thresholds: FloatArray
    typical: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class MeanEwma:
    """`means` (scales, d); `low_index` and `low_us` (scales,): the event at which the statistic was last at its
    typical value.
    """

    means: EmbeddingMatrix
    low_index: npt.NDArray[np.int64]
    low_us: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class EwmaReading:
    """After one event: squared lengths (scales,), and how far the event itself points along each mean (scales,)."""

    statistics: FloatArray
    alignments: FloatArray


def new_ewma(dimensions: int) -> MeanEwma:
    """Averages at the centre, where they start after every accept."""
    scales = LAMBDAS.size
    no_event = np.zeros(scales, dtype=np.int64)
    return MeanEwma(np.zeros((scales, dimensions), dtype=np.float32), no_event, no_event)


def whiten(embedding: FloatVector, model: EwmaModel) -> FloatVector:
    """y = M (x - centre). One matrix-vector product, 20-40 us; never batched, so that replay in any batching gives the
    same bits.
    """
    return np.asarray(model.metric @ (embedding - model.centre), dtype=np.float32)


def update(
    ewma: MeanEwma, whitened: FloatVector, model: EwmaModel, *, index: int, time_us: int
) -> tuple[MeanEwma, EwmaReading]:
    """The averages after one event. About 15 us."""
    means = ewma.means + LAMBDAS[:, None] * (whitened - ewma.means)
    statistics = (means * means).sum(axis=1, dtype=np.float64)
    alignments = (means * whitened).sum(axis=1, dtype=np.float64)
    low = statistics <= model.typical
    after = MeanEwma(means, np.where(low, index, ewma.low_index), np.where(low, time_us, ewma.low_us))
    return after, EwmaReading(statistics, alignments)
