"""kNN novelty: how far a text's embedding lies from its five nearest in the reference. The best single score
(measured).

It finds a new intent at 5 % of the traffic within about 100 events where the distance to the centroid misses it,
because what is new need not be far from the middle.

Copies are no neighbours, neither of a reference text nor of a later one: a text that came before is as near to *other*
texts as it was then, so equal texts tie.

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

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import EmbeddingMismatch, FloatVector, Observation
from weir.detectors.reference import EmbeddingMatrix, FloatArray, Reference

NEIGHBOURS = 5
"""Nearest reference events averaged (measured choice of the study)."""

CANDIDATES = 16
"""Events whose distance is recomputed, at least: enough that float32 rounding cannot push a true neighbour out."""

CANDIDATES_MAX = 64
"""Above this many, which only equal texts make, the largest `CANDIDATES` are picked (chosen: 20 us of products)."""

COPY_DISTANCE = 1e-5
"""Cosine distance below which two embeddings are of the same text, as in the skew test (ten times float32 rounding)."""

ROUNDING = 5e-6
"""Similarities in float32 closer to that than this are computed again (chosen: several times their error)."""

BLOCK_ROWS = 16
"""Similarities whose maximum stands for them while candidates are sought (measured: 8 and 32 cost the same)."""


@dataclass(frozen=True, slots=True)
class KnnNovelty(Channel):
    """Score: mean cosine distance to the five nearest reference embeddings, 0 to 2."""

    name: str = "knn-novelty"
    meaning: str = "how unlike the reference prompts are"
    weight: float = 2.0
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Novelty of every embedded reference event among the others. Cost: m * m * d products, 0.1 s for 2,000."""
        scores, embeddings = np.full(reference.events, nan), reference.embeddings
        if len(embeddings) > CANDIDATES:
            rows = zip(embeddings @ embeddings.T, embeddings, strict=True)
            scores[reference.embedded] = [_novelty(row, vector, embeddings) for row, vector in rows]
        return scores

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Novelty of this event; None without an embedding, or with too small or too monotonous a reference."""
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
    """NaN where the reference holds fewer than `NEIGHBOURS` other texts."""
    exact = sorted(_products(_nearest(similarities), vector, embeddings))
    if exact[-1] > 1.0 - COPY_DISTANCE:
        others = _without_copies(similarities, vector, embeddings)
        places = _nearest(others)
        places = places[others[places] > -np.inf]
        if places.size < NEIGHBOURS:
            return nan
        exact = sorted(_products(places, vector, embeddings))
    return 1.0 - sum(exact[-NEIGHBOURS:]) / NEIGHBOURS


def _products(places: npt.NDArray[np.intp], vector: FloatVector, embeddings: EmbeddingMatrix) -> list[float]:
    # One dot product a row: its bits do not depend on the rows beside it, which rounding may order otherwise.
    found: list[float] = np.vecdot(
        embeddings.take(places, axis=0).astype(np.float64), vector.astype(np.float64)
    ).tolist()
    return found


def _without_copies(
    similarities: npt.NDArray[np.float32], vector: FloatVector, embeddings: EmbeddingMatrix
) -> npt.NDArray[np.float32]:
    """The similarities, minus infinity where the text is the same."""
    surely = similarities > 1.0 - COPY_DISTANCE + ROUNDING
    left = np.where(surely, np.float32(-np.inf), similarities)
    places = (left > 1.0 - COPY_DISTANCE - ROUNDING).nonzero()[0]
    copies = [product > 1.0 - COPY_DISTANCE for product in _products(places, vector, embeddings)]
    left[places[copies]] = -np.inf
    return left


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
