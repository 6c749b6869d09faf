"""kNN novelty: how far a text's embedding lies from its five nearest in the reference. The best single score
(measured).

It finds a new intent at 5 % of the traffic within about 100 events where the distance to the centroid misses it,
because what is new need not be far from the middle.

Numbers are exact in a sense that replay needs: a fast float32 product only picks 16 candidates or a few more, and the
score comes from products recomputed in float64 one event at a time. So a batch of any size gives the same bits as single
events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, nan

import numpy as np
import numpy.typing as npt

from weir.drift.core.observation import EmbeddingMismatch, FloatVector, Observation
from weir.drift.core.reference import EmbeddingMatrix, FloatArray, Reference

NEIGHBOURS = 5
"""Nearest reference events averaged (measured choice of the study)."""

CANDIDATES = 16
"""Events whose distance is recomputed, at least: enough that float32 rounding cannot push a true neighbour out."""

CANDIDATES_MAX = 64
"""Above this many, which only equal texts make, the largest `CANDIDATES` are picked (chosen: 20 us of products)."""

BLOCK_ROWS = 16
"""Similarities whose maximum stands for them while candidates are sought (measured: 8 and 32 cost the same)."""


@dataclass(frozen=True, slots=True)
class KnnNovelty:
    """Score: mean cosine distance to the five nearest reference embeddings, 0 to 2."""

    name: str = "knn-novelty"
    weight: float = 2.0
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Novelty of every embedded reference event among the others. Cost: m * m * d products, 0.1 s for 2,000."""
        embeddings = reference.embeddings
        if len(embeddings) <= CANDIDATES:
            return np.zeros(0, dtype=np.float64)
        similarities = embeddings @ embeddings.T
        np.fill_diagonal(similarities, -np.inf)
        rows = zip(similarities, embeddings, strict=True)
        return np.array([_novelty(row, vector, embeddings) for row, vector in rows], dtype=np.float64)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Novelty of this event; None without an embedding or with too small a reference."""
        (score,) = self.score_many((observation,), reference)
        return None if isnan(score) else score

    def score_many(self, observations: Sequence[Observation], reference: Reference) -> list[float]:
        """Novelty of each event by one matrix product. Raises EmbeddingMismatch for an embedding of another length."""
        scores = [nan] * len(observations)
        embeddings = reference.embeddings
        embedded = [(i, vector) for i, item in enumerate(observations) if (vector := item.embedding) is not None]
        if not embedded or len(embeddings) <= CANDIDATES:
            return scores
        for i, vector in embedded:
            require_length(vector, embeddings.shape[1], observations[i].event_id)
        if len(embedded) == 1:
            ((i, vector),) = embedded
            scores[i] = _novelty(embeddings @ vector, vector, embeddings)
            return scores
        similarities = np.stack([vector for _, vector in embedded]) @ embeddings.T
        for (i, vector), row in zip(embedded, similarities, strict=True):
            scores[i] = _novelty(row, vector, embeddings)
        return scores


def require_length(vector: FloatVector, dimensions: int, event_id: str) -> None:
    """Raises EmbeddingMismatch unless `vector` has `dimensions` numbers."""
    if vector.size != dimensions:
        raise EmbeddingMismatch(
            f"embedding of event {event_id} has {vector.size} dimensions, the reference {dimensions}: "
            "another model made it; accept a new reference for the new model"
        )


def _novelty(similarities: npt.NDArray[np.float32], vector: FloatVector, embeddings: EmbeddingMatrix) -> float:
    candidates = embeddings.take(_nearest(similarities), axis=0)
    # One dot product a row: its bits do not depend on the rows beside it, which rounding may order otherwise.
    exact: list[float] = np.vecdot(candidates.astype(np.float64), vector.astype(np.float64)).tolist()
    return 1.0 - sum(sorted(exact)[-NEIGHBOURS:]) / NEIGHBOURS


def _nearest(similarities: npt.NDArray[np.float32]) -> npt.NDArray[np.intp]:
    """The places of the largest `CANDIDATES` similarities (of more than so many), among a few others perhaps.

    The sixteenth largest of the maxima of blocks is at most the sixteenth largest of all, and few others reach it. A
    quarter of the time of a partition of all.
    """
    rows = min(BLOCK_ROWS, similarities.size // CANDIDATES)
    whole = similarities.size - similarities.size % rows
    maxima = similarities[:whole].reshape(rows, -1).max(axis=0)
    maxima.partition(maxima.size - CANDIDATES)
    places: npt.NDArray[np.intp] = (similarities >= maxima[-CANDIDATES]).nonzero()[0]
    if places.size <= CANDIDATES_MAX:
        return places
    return places.take(similarities[places].argpartition(-CANDIDATES)[-CANDIDATES:])
