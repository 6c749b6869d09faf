"""Vocabulary: share of words that the reference does not hold. Finds other languages, new subjects, synonyms, typos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir.drift.core.channels.channel import scores_of
from weir.drift.core.observation import Observation
from weir.drift.core.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Score: fraction of unknown words, 0 to 1; a text without words has none."""

    name: str = "vocabulary"
    weight: float = 1.0
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Share of words of every reference text that no other reference text holds."""
        counts = reference.word_counts
        shares = [int(np.count_nonzero(counts.seen_elsewhere(ids) == 0)) / ids.size for ids in reference.texts()]
        return np.array(shares, dtype=np.float64)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Share of words of this text that the reference does not hold."""
        if not observation.words:
            return None
        ids = reference.word_counts.ids(observation.words)
        return int(np.count_nonzero(ids < 0)) / ids.size

    def score_many(self, observations: Sequence[Observation], reference: Reference) -> FloatArray:
        """The share in each text."""
        return scores_of(self, observations, reference)
