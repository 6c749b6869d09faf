"""Fit of the mean EWMA: metric, centre and thresholds from the reference alone.

Thresholds are quantiles of a simulated null. Simulating from the very events that made metric and centre gave half the
promised time to a false alarm (measured), since those events lie closer to their own mean than later ones will. So:
five folds, each whitened by the other four and re-centred; streams resampled from these residuals; and each stream
shifted by a random error of the centre, of the size a reference of n events has, and some more.

Resampled twice, the higher threshold counts: independently, which lets an event come again as stock questions do; and as
a deck of short blocks of neighbours, which keeps what correlation the arrival order has. Blocks drawn with replacement
would mix the two up: on events in random order, where blocks should not matter, the same five came again so soon and so
often that the fastest threshold was 20 % too high, one alarm in 150 times the asked events (measured).

Tail: a scale may pass its threshold once in `EFFECTIVE_SCALES * arl` events, rarer than the simulation is long enough
to count. The highest tenth of block maxima is fitted by an exponential tail, as for every weighted sum of squares, and
read at that point.
"""

from __future__ import annotations

import numpy as np

from weir.drift.core.mean_ewma import LAMBDAS, EwmaModel
from weir.drift.core.reference import EmbeddingMatrix, FloatArray
from weir.drift.core.word_counts import IntVector

FOLDS = 5
NEIGHBOUR_BLOCK_EVENTS = 5
"""Consecutive reference events kept together (chosen: covers bursts of a few users without thinning the variety)."""

CENTRE_ERRORS = 1.3
"""Standard errors of the reference's mean that simulated streams are off by. Measured: with one, the slowest scale alone
kept 2,000 to 15,000 of 10,000 events against pools of 4,000 texts, whose own mean is half as uncertain as the
reference's.
"""

STREAMS = 128
"""Simulated streams of either kind, each with its own error of the centre."""

BURN_IN_EVENTS = 500
"""Twice the longest memory: what the averages need to forget their start."""

MAXIMUM_BLOCK_EVENTS = 500
BLOCKS = 5
"""Blocks of events per stream whose maximum is taken: 2 * 128 * 5 * 500 = 640,000 simulated events a fit, about 2
CPU-seconds.
"""

STEPS = BURN_IN_EVENTS + BLOCKS * MAXIMUM_BLOCK_EVENTS
"""Events of a simulated stream."""

TAIL_SHARE = 0.1
EFFECTIVE_SCALES = 2.0
"""Independent scales that alarm as often as these four, whose thresholds are each the higher of two. Measured on the
first base of the benchmark: with 5, the four together kept 19,000 to 48,000 of 10,000
events.
"""


def fit_ewma(embeddings: EmbeddingMatrix, arl_events: float, seed: int) -> EwmaModel:
    """The model for unit rows `embeddings` (n, d) in order of arrival: all scales together pass once in `arl_events`
    events.

    Deterministic in its arguments. Cost for n = 2,000, d = 384: about 2 CPU-seconds and 20 MB for the time of the fit.
    """
    rng = np.random.default_rng(seed)
    residuals = _out_of_fold_residuals(embeddings)
    independent, typical = _simulate(residuals, rng, _independently(len(residuals), rng))
    in_order, _ = _simulate(residuals, rng, _in_blocks(len(residuals), rng))
    centre, metric = _metric(embeddings)
    probability = -np.expm1(-MAXIMUM_BLOCK_EVENTS / (arl_events * EFFECTIVE_SCALES))
    thresholds = np.maximum(_tail_quantiles(independent, probability), _tail_quantiles(in_order, probability))
    return EwmaModel(centre, metric, thresholds, typical)


def _metric(embeddings: EmbeddingMatrix) -> tuple[EmbeddingMatrix, EmbeddingMatrix]:
    wide = embeddings.astype(np.float64)
    centre = wide.mean(axis=0)
    covariance = np.cov(wide, rowvar=False)
    variances, axes = np.linalg.eigh(covariance)
    shrunk = np.maximum(variances, 0.0) + max(variances.mean(), np.finfo(np.float32).tiny)
    metric = (axes / np.sqrt(shrunk)) @ axes.T
    metric = (metric + metric.T) / 2.0  # symmetric to the last bit: a checkpoint keeps one half
    return centre.astype(np.float32), np.ascontiguousarray(metric, dtype=np.float32)


def _out_of_fold_residuals(embeddings: EmbeddingMatrix) -> EmbeddingMatrix:
    residuals = np.empty_like(embeddings)
    for fold in np.array_split(np.arange(len(embeddings)), FOLDS):
        centre, metric = _metric(np.delete(embeddings, fold, axis=0))
        whitened = (embeddings[fold] - centre) @ metric
        residuals[fold] = whitened - whitened.mean(axis=0)
    return residuals


def _independently(size: int, rng: np.random.Generator) -> IntVector:
    """Which event comes when (steps, streams), each drawn by itself."""
    return rng.integers(size, size=(STEPS, STREAMS))


def _in_blocks(size: int, rng: np.random.Generator) -> IntVector:
    """Which event comes when (steps, streams): blocks of neighbours, cut at a random place, dealt from a full deck."""
    blocks = size // NEIGHBOUR_BLOCK_EVENTS
    decks = -(-STEPS // (blocks * NEIGHBOUR_BLOCK_EVENTS))
    order = rng.permuted(np.tile(np.arange(blocks), (decks * STREAMS, 1)), axis=1)
    events = order[..., None] * NEIGHBOUR_BLOCK_EVENTS + np.arange(NEIGHBOUR_BLOCK_EVENTS)
    cut = rng.integers(size, size=(1, STREAMS))
    return (events.reshape(STREAMS, -1)[:, :STEPS].T + cut) % size


def _simulate(residuals: EmbeddingMatrix, rng: np.random.Generator, order: IntVector) -> tuple[FloatArray, FloatArray]:
    """Block maxima (scales, streams * blocks) of the statistics without change, and their medians (scales,)."""
    size, dimensions = residuals.shape
    errors = rng.multinomial(size, np.full(size, 1.0 / size), size=STREAMS).astype(np.float32) @ residuals / size
    errors *= CENTRE_ERRORS
    means = np.zeros((LAMBDAS.size, STREAMS, dimensions), dtype=np.float32)
    change = np.empty((STREAMS, dimensions), dtype=np.float32)
    statistics = np.empty((LAMBDAS.size, STEPS, STREAMS), dtype=np.float32)
    for step in range(STEPS):
        events = residuals[order[step]] - errors
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
