"""Fit of the mean EWMA: metric, centre and thresholds from the reference alone.

Thresholds are quantiles of a simulated null. Simulating from the very events that made metric and centre gave half the
promised time to a false alarm (measured), since those events lie closer to their own mean than later ones will. So:
five folds, each whitened by the other four and re-centred; streams resampled from these residuals; and each stream
shifted by a random error of the centre, of the size a reference of n events has, and some more.

Resampled twice, the higher threshold counts: independently, and in blocks of neighbours (see `resampling`).

Texts that the reference holds often are left out of the independent streams where they are repeated (see `repeats`), as
they are in a stream: so the thresholds of a route with fifty stock questions know that none comes twice at once. Texts
that it holds once, or twice for a retry, are replaced there by the text most like them (`resampling.with_likes`), and
their copies leave the fold with them. Where most of the traffic is repeats (`resampling.MOSTLY_NEW`), a text that came
once is another stock question, not a new text.

Tail: a scale may pass its threshold once in `EFFECTIVE_SCALES * arl` events, rarer than the simulation is long enough
to count. The highest tenth of block maxima is fitted by an exponential tail, as for every weighted sum of squares, and
read at that point.
"""

from __future__ import annotations

import numpy as np

from weir.detectors.mean_ewma import LAMBDAS, EwmaModel
from weir.detectors.prefix import KeyVector
from weir.detectors.reference import BoolVector, EmbeddingMatrix, FloatArray
from weir.detectors.repeats import NO_REPEATS, RepeatRule, fold
from weir.detectors.resampling import in_blocks, independent, new_texts, with_likes
from weir.detectors.word_counts import IntVector

FOLDS = 5
"""Parts of the reference, each judged by the others. Arbitrary: any value from 4 to 10 would do; the cost grows with it."""

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
EFFECTIVE_SCALES = 1.1
"""Independent scales that alarm as often as these four, whose thresholds are each the higher of two. Measured on four
references of the first base of the benchmark: with 1.5, pools of 5 to 500 texts kept 9,000 to 17,000 where 12,500 was
asked of this part and 5,000 of the bank, which has little else there.
"""

VARIANCE_MIN = 1e-6
"""Mean squared distance of the embeddings from their centre below which they do not vary: what rounding leaves of one
text is 1e-12, and one other text among a million gives about this.
"""

NO_RULE = RepeatRule({})


def varies(embeddings: EmbeddingMatrix) -> bool:
    """Whether there is a metric to fit: not where all texts are one."""
    return len(embeddings) > 0 and float(embeddings.var(axis=0, dtype=np.float64).sum()) > VARIANCE_MIN


def fit_ewma(
    embeddings: EmbeddingMatrix,
    arl_events: float,
    seed: int,
    copy_keys: KeyVector | None = None,
    rule: RepeatRule = NO_RULE,
) -> EwmaModel:
    """The model for unit rows `embeddings` (n, d) in order of arrival: all scales together pass once in `arl_events`
    events. They must vary. `copy_keys` (n,) of their texts, all different where None; `rule` says which are repeated.

    Deterministic in its arguments. Cost for n = 2,000, d = 384: about 3 CPU-seconds and 20 MB for the time of the fit.
    """
    rng = np.random.default_rng(seed)
    keys = np.arange(len(embeddings), dtype=np.uint64) if copy_keys is None else copy_keys
    entering = np.array(fold(NO_REPEATS, keys.tolist(), rule)[1], dtype=np.bool_)
    new = new_texts(keys)
    residuals = _out_of_fold_residuals(embeddings, entering, keys, new)
    order = with_likes(independent(len(residuals), STEPS, STREAMS, rng), residuals, keys, new)
    one_by_one, typical = _simulate(residuals, entering, rng, order, _enters(keys, new, rule, order))
    order = in_blocks(len(residuals), STEPS, STREAMS, rng)
    in_order, _ = _simulate(residuals, entering, rng, order, _enters(keys, np.zeros_like(new), rule, order))
    centre, metric = _metric(embeddings[entering])
    reach = float(np.sqrt(np.vecdot(residuals, residuals).max()))
    probability = -np.expm1(-MAXIMUM_BLOCK_EVENTS / (arl_events * EFFECTIVE_SCALES))
    thresholds = np.maximum(_tail_quantiles(one_by_one, probability), _tail_quantiles(in_order, probability))
    # A statistic of 0 never is at its threshold.
    thresholds = np.maximum(thresholds, np.finfo(np.float32).tiny)
    return EwmaModel(centre, metric, thresholds, typical, reach)


def _metric(embeddings: EmbeddingMatrix) -> tuple[EmbeddingMatrix, EmbeddingMatrix]:
    wide = embeddings.astype(np.float64)
    centre = wide.mean(axis=0)
    covariance = np.cov(wide, rowvar=False)
    variances, axes = np.linalg.eigh(covariance)
    shrunk = np.maximum(variances, 0.0) + max(variances.mean(), VARIANCE_MIN / variances.size)
    metric = (axes / np.sqrt(shrunk)) @ axes.T
    metric = (metric + metric.T) / 2.0  # symmetric to the last bit: a checkpoint keeps one half
    return centre.astype(np.float32), np.ascontiguousarray(metric, dtype=np.float32)


def _out_of_fold_residuals(
    embeddings: EmbeddingMatrix, entering: BoolVector, copy_keys: KeyVector, new: BoolVector
) -> EmbeddingMatrix:
    residuals = np.empty_like(embeddings)
    for left_out in np.array_split(np.arange(len(embeddings)), FOLDS):
        others = entering.copy()
        others[left_out] = False
        others &= ~(new & np.isin(copy_keys, copy_keys[left_out]))
        centre, metric = _metric(embeddings[others])
        whitened = (embeddings[left_out] - centre) @ metric
        residuals[left_out] = whitened - whitened[entering[left_out]].mean(axis=0)
    return residuals


def _enters(copy_keys: KeyVector, new: BoolVector, rule: RepeatRule, order: IntVector) -> BoolVector:
    """Which events of `order` (steps, streams) are not repeated; a `new` text never is."""
    if np.unique(copy_keys).size == copy_keys.size:
        return np.ones(order.shape, dtype=np.bool_)
    events = order.T
    keys = np.where(new[events], np.arange(STEPS, dtype=np.uint64), copy_keys[events])
    return np.array([fold(NO_REPEATS, stream, rule)[1] for stream in keys.tolist()], dtype=np.bool_).T


def _simulate(
    residuals: EmbeddingMatrix, entering: BoolVector, rng: np.random.Generator, order: IntVector, enters: BoolVector
) -> tuple[FloatArray, FloatArray]:
    """Block maxima (scales, streams * blocks) of the statistics without change, and their medians (scales,)."""
    dimensions, size = residuals.shape[1], int(entering.sum())
    drawn = rng.multinomial(size, np.full(size, 1.0 / size), size=STREAMS).astype(np.float32)
    errors = drawn @ residuals[entering] / size
    errors *= CENTRE_ERRORS
    means = np.zeros((LAMBDAS.size, STREAMS, dimensions), dtype=np.float32)
    change = np.empty((STREAMS, dimensions), dtype=np.float32)
    statistics = np.empty((LAMBDAS.size, STEPS, STREAMS), dtype=np.float32)
    for step in range(STEPS):
        events = residuals[order[step]] - errors
        for scale, weights in enumerate(LAMBDAS[:, None, None] * enters[step, None, :, None]):
            np.subtract(events, means[scale], out=change)
            change *= weights
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
