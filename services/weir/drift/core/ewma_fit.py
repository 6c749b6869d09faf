"""Fit of the mean EWMA: metric, centre and thresholds from the reference alone.

Thresholds are quantiles of a simulated null. Simulating from the very events that made metric and centre gave half the
promised time to a false alarm (measured), since those events lie closer to their own mean than later ones will. So:
five folds, each whitened by the other four and re-centred; streams resampled from these residuals in short blocks of
neighbours (which keeps what correlation the arrival order has); and each stream shifted by a random error of the
centre, of the size a reference of n events has.

Tail: a scale may pass its threshold once in `4 * arl` events, rarer than the simulation is long enough to count. The
highest tenth of block maxima is fitted by an exponential tail, as for every weighted sum of squares, and read at that
point.
"""

from __future__ import annotations

import numpy as np

from weir.drift.core.mean_ewma import LAMBDAS, EwmaModel
from weir.drift.core.reference import EmbeddingMatrix, FloatArray

FOLDS = 5
NEIGHBOUR_BLOCK_EVENTS = 5
"""Consecutive reference events resampled together (chosen: covers bursts of a few users without thinning the
variety).
"""

STREAMS = 256
"""Simulated streams, each with its own error of the centre."""

BURN_IN_EVENTS = 500
"""Twice the longest memory: what the averages need to forget their start."""

MAXIMUM_BLOCK_EVENTS = 500
BLOCKS = 5
"""Blocks of events per stream whose maximum is taken: 256 * 5 * 500 = 640,000 simulated events a fit, about 2
CPU-seconds.
"""

TAIL_SHARE = 0.1
SLACK = 1.25
"""Excess of the simulated ARL over the asked one: at none, 4,557 of 5,000 were kept on one of two text collections
(measured).
"""


def fit_ewma(embeddings: EmbeddingMatrix, arl_events: float, seed: int) -> EwmaModel:
    """The model for unit rows `embeddings` (n, d) in order of arrival: all scales together pass once in `arl_events`
    events.

    Deterministic in its arguments. Cost for n = 2,000, d = 384: about 2 CPU-seconds and 20 MB for the time of the fit.
    """
    rng = np.random.default_rng(seed)
    residuals = _out_of_fold_residuals(embeddings)
    maxima, typical = _simulate(residuals, rng)
    centre, metric = _metric(embeddings)
    probability = -np.expm1(-MAXIMUM_BLOCK_EVENTS / (arl_events * SLACK * LAMBDAS.size))
    return EwmaModel(centre, metric, _tail_quantiles(maxima, probability), typical)


def _metric(embeddings: EmbeddingMatrix) -> tuple[EmbeddingMatrix, EmbeddingMatrix]:
    wide = embeddings.astype(np.float64)
    centre = wide.mean(axis=0)
    covariance = np.cov(wide, rowvar=False)
    variances, axes = np.linalg.eigh(covariance)
    shrunk = np.maximum(variances, 0.0) + max(variances.mean(), np.finfo(np.float32).tiny)
    metric = (axes / np.sqrt(shrunk)) @ axes.T
    return centre.astype(np.float32), np.ascontiguousarray(metric, dtype=np.float32)


def _out_of_fold_residuals(embeddings: EmbeddingMatrix) -> EmbeddingMatrix:
    residuals = np.empty_like(embeddings)
    for fold in np.array_split(np.arange(len(embeddings)), FOLDS):
        centre, metric = _metric(np.delete(embeddings, fold, axis=0))
        whitened = (embeddings[fold] - centre) @ metric
        residuals[fold] = whitened - whitened.mean(axis=0)
    return residuals


def _simulate(residuals: EmbeddingMatrix, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Block maxima (scales, streams * blocks) of the statistics without change, and their medians (scales,)."""
    size, dimensions = residuals.shape
    errors = rng.multinomial(size, np.full(size, 1.0 / size), size=STREAMS).astype(np.float32) @ residuals / size
    steps = BURN_IN_EVENTS + BLOCKS * MAXIMUM_BLOCK_EVENTS
    starts = rng.integers(size, size=(-(-steps // NEIGHBOUR_BLOCK_EVENTS), STREAMS))
    means = np.zeros((LAMBDAS.size, STREAMS, dimensions), dtype=np.float32)
    change = np.empty((STREAMS, dimensions), dtype=np.float32)
    statistics = np.empty((LAMBDAS.size, steps, STREAMS), dtype=np.float32)
    for step in range(steps):
        block, offset = divmod(step, NEIGHBOUR_BLOCK_EVENTS)
        events = residuals[(starts[block] + offset) % size] - errors
        for scale, weight in enumerate(LAMBDAS):
            np.subtract(events, means[scale], out=change)
            change *= weight
            means[scale] += change
            np.einsum("ij,ij->i", means[scale], means[scale], out=statistics[scale, step])
    settled = statistics[:, BURN_IN_EVENTS:].astype(np.float64)
    blocks = settled.reshape(LAMBDAS.size, BLOCKS, MAXIMUM_BLOCK_EVENTS, STREAMS)
    return blocks.max(axis=2).reshape(LAMBDAS.size, -1), np.median(settled, axis=(1, 2))


def _tail_quantiles(maxima: FloatArray, probability: float) -> FloatArray:
    """Per scale the value that a block maximum passes with `probability`."""
    if probability >= TAIL_SHARE:
        return np.quantile(maxima, 1.0 - probability, axis=1)
    base = np.quantile(maxima, 1.0 - TAIL_SHARE, axis=1)
    excess = np.maximum(maxima - base[:, None], 0.0).sum(axis=1) / np.maximum((maxima > base[:, None]).sum(axis=1), 1)
    return np.asarray(base + excess * np.log(TAIL_SHARE / probability))
