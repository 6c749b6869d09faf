"""Surprisal: mean bits per word under the reference's unigram model. Finds rarer or more common wording, also without
new words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from weir.drift.core.channels.channel import scores_of
from weir.drift.core.observation import Observation
from weir.drift.core.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Surprisal:
    """Score: bits per word; a text without words has none."""

    name: str = "surprisal"
    weight: float = 1.0
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Bits of every reference text under the model of all the others."""
        counts = reference.word_counts
        return np.array([counts.surprisal_bits_elsewhere(ids) for ids in reference.texts()], dtype=np.float64)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Bits of this text under the model of the reference."""
        counts = reference.word_counts
        return counts.surprisal_bits(counts.ids(observation.words)) if observation.words else None

    def score_many(self, observations: Sequence[Observation], reference: Reference) -> FloatArray:
        """Bits of each text."""
        return scores_of(self, observations, reference)
