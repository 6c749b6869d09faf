"""Clusters of the reference, to say where in the traffic a change lies. Explanation only: no alarm depends on it.

k-means over the reference embeddings, with a fixed seed, so that the same reference always has the same clusters; they
are computed when a stream is first watched or read back, never stored. PSI, the population stability index, is the sum
over clusters of (after - before) * ln(after / before); its usual limits of 0.1 and 0.25 are folklore, and with n events
chance alone gives about (clusters - 1) / n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.cluster.vq import kmeans2

from weir.detectors.observation import FloatVector
from weir.detectors.reference import EmbeddingMatrix, Reference
from weir.drift.core.evidence import EVIDENCE_WORDS, TERM_CHARS_MAX
from weir.drift.core.shifted_terms import TextCounts, count_texts, rising_terms
from weir.events import ClusterShift

CLUSTERS = 20
"""Clusters of a reference of 400 events or more (chosen: fine enough to point, coarse enough to read)."""

EVENTS_PER_CLUSTER = 20
"""Least reference events a cluster on average (arbitrary: any value from 10 to 50 would do; fewer make a share mostly noise)."""

ITERATIONS = 20
"""Rounds of k-means (arbitrary: any value from 10 to 100 would do; the clusters only point to texts)."""

NAME_TERMS = 3
"""Words in the name of a cluster (arbitrary: any value from 2 to 5 would do; a person reads it in an alert)."""

SHOWN_CLUSTERS = 5
"""Clusters of a signal (arbitrary: any value from 3 to 10 would do; a person reads them in an alert)."""

SMOOTHING = 0.5
"""Pseudo-events of each cluster in a share (chosen: the usual Jeffreys value)."""


@dataclass(frozen=True, slots=True, eq=False)
class ReferenceClusters:
    """Of the reference `digest`: `centres` (k, d), `counts` (k,) events, `names` (k) of words or empty, and `words`: how
    many reference texts hold each word. k is 0 for a reference without embeddings.
    """

    digest: str
    centres: EmbeddingMatrix
    counts: npt.NDArray[np.int64]
    names: tuple[str, ...]
    words: TextCounts


def clusters_of(reference: Reference) -> ReferenceClusters:
    """The clusters of `reference`. About 0.2 CPU-seconds for 2,000 events of 384 dimensions."""
    texts = _texts(reference)
    words = count_texts(texts)
    embeddings = reference.embeddings
    # No more clusters than different texts: a route of one prompt has one.
    k = min(CLUSTERS, len(embeddings) // EVENTS_PER_CLUSTER, len(np.unique(embeddings, axis=0)))
    if k == 0:
        return ReferenceClusters(reference.digest, embeddings[:0], np.zeros(0, dtype=np.int64), (), words)
    wide = embeddings.astype(np.float64)
    centres, labels = kmeans2(wide, k, iter=ITERATIONS, minit="++", missing="warn", rng=np.random.default_rng(0))
    narrow = np.ascontiguousarray(centres, dtype=np.float32)
    counts = np.bincount(labels, minlength=k).astype(np.int64)
    return ReferenceClusters(reference.digest, narrow, counts, _names(texts, labels, k, words), words)


def cluster_of(clusters: ReferenceClusters, embedding: FloatVector | None) -> int:
    """Number of the nearest centre; -1 without an embedding or without clusters. About 5 us."""
    if embedding is None or not len(clusters.centres) or embedding.size != clusters.centres.shape[1]:
        return -1
    return int(np.square(clusters.centres - embedding).sum(axis=1).argmin())


def cluster_shifts(clusters: ReferenceClusters, numbers: Sequence[int]) -> tuple[float, tuple[ClusterShift, ...]]:
    """PSI between the reference and events in the clusters `numbers`, and the clusters that add most to it."""
    known = [number for number in numbers if number >= 0]
    if not known or not clusters.counts.size:
        return 0.0, ()
    before, after = _shares(clusters.counts), _shares(np.bincount(known, minlength=clusters.counts.size))
    psi = (after - before) * np.log(after / before)
    most = np.argsort(-psi, kind="stable")[:SHOWN_CLUSTERS]
    shifts = (
        ClusterShift(
            number=int(i),
            name=clusters.names[i],
            share_before=float(before[i]),
            share_after=float(after[i]),
            psi=float(psi[i]),
        )
        for i in most
    )
    return float(psi.sum()), tuple(shifts)


def _shares(counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return np.asarray((counts + SMOOTHING) / (counts.sum() + SMOOTHING * counts.size), dtype=np.float64)


def _texts(reference: Reference) -> list[tuple[str, ...]]:
    """The distinct first words of every reference text, as `evidence.distinct_words` keeps them of later ones."""
    words = reference.word_counts.words
    usable = [len(word) <= TERM_CHARS_MAX for word in words]
    pieces = np.split(reference.word_ids, reference.word_starts[1:-1])
    texts = []
    for ids in pieces:
        distinct = [i for i in dict.fromkeys(ids.tolist()) if i >= 0 and usable[i]]
        texts.append(tuple(words[i] for i in distinct[:EVIDENCE_WORDS]))
    return texts


def _names(texts: list[tuple[str, ...]], labels: npt.NDArray[np.int32], k: int, words: TextCounts) -> tuple[str, ...]:
    # Only when every event has an embedding does row i of the embeddings belong to text i.
    if len(texts) != len(labels):
        return ("",) * k
    members = [[text for text, label in zip(texts, labels, strict=True) if label == number] for number in range(k)]
    return tuple(", ".join(rising_terms(words, count_texts(own), NAME_TERMS)) for own in members)
