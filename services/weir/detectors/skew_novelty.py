"""Novelty rank test: are the window's texts less, or more, like the dataset than its own texts are like each other?

Score: mean cosine distance to the five nearest items. The dataset's own scores leave out the item itself, and every
exact copy: otherwise traffic that asks the very questions of the dataset would look too familiar.

Ranks, not distances, so that one odd text cannot decide; but ranks weighted by how rare they are, or a few new texts are
lost among the many. Measured at 0.05 on windows of 200 with 5 % of a far subject, 1,500 items: a plain rank sum finds
3 % of them, the mean distance 52 %, the exponential scores of Savage (1956), -log(1 - rank), 80 %, their squares 98 %;
and with 30 % of a near subject 92, 92, 100 and 95 %. So squares, once for each end of the ranks, as texts may be too
alike as well, and the larger one decides.

Not exact: an item's score leaves out one item and a window's does not, and the scores of items depend on each other
through their neighbours. Both shrink with the dataset; `tests/unit/drift/test_drift_skew.py` bounds what is left.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from weir.detectors.reference import EmbeddingMatrix, FloatArray

NEIGHBOURS = 5
"""Nearest items averaged, as in the bank."""

COPY_DISTANCE = 1e-5
"""Cosine distance below which two embeddings are of the same text. Chosen: above float32 rounding of 384 products."""


def leave_one_out_novelties(embeddings: EmbeddingMatrix) -> FloatArray:
    """Novelty (N,) of every item among the others that are not copies of it; unit rows (N, d)."""
    return novelties(embeddings, embeddings)


def novelties(events: EmbeddingMatrix, items: EmbeddingMatrix) -> FloatArray:
    """Novelty (n,) of `events` (n, d) among `items` (N, d), N > `NEIGHBOURS`: 0 to 2. Copies are no neighbours.

    An event with fewer others than `NEIGHBOURS` has novelty by those it has, and 0 with none at all.
    """
    distances = 1.0 - events @ items.T
    distances[distances < COPY_DISTANCE] = np.inf
    nearest = np.partition(distances, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS].astype(np.float64)
    known = np.isfinite(nearest)
    return np.asarray(np.where(known, nearest, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def novelty_statistics(scores: FloatArray, labels: EmbeddingMatrix) -> tuple[FloatArray, FloatArray]:
    """Standardised sums (B,) of the scores for high and for low ranks over the rows that each labelling (B, m) marks."""
    # The middle of tied places, so that copies score alike.
    rank = rankdata(scores, method="average") / (scores.size + 1.0)
    return _standardised(np.square(np.log1p(-rank)), labels), _standardised(np.square(np.log(rank)), labels)


def _standardised(scores: FloatArray, labels: EmbeddingMatrix) -> FloatArray:
    marked, size = float(labels[0].sum()), scores.size
    # Mean and variance of a sum drawn without replacement.
    variance = marked * (size - marked) / (size - 1.0) * float(scores.var())
    sums = labels.astype(np.float64) @ scores
    return np.asarray((sums - marked * scores.mean()) / np.sqrt(max(variance, np.finfo(np.float64).tiny)))
