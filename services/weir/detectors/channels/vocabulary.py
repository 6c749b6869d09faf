"""Vocabulary: how surprisingly many words the reference does not hold. Finds other languages, new subjects, synonyms,
typos.

Not their share: 1 unknown word of 8 is chance, 6 of 48 are not, and the share is the same. What a text says about the
rate of unknown words is the log-likelihood ratio of its count. Measured on synonyms at 10 % of the traffic: 420 events
to an alarm with it, 620 with the share.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import copysign, log, nan

import numpy as np

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Vocabulary(Channel):
    """Score: nats of evidence (Poisson) that unknown words are more frequent, or less (negative), than the reference's
    texts hold words that the others do not; a text without words has none.
    """

    name: str = "vocabulary"
    meaning: str = "how many words the reference does not know"
    weight: float = 1.3
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Nats of every reference text, its words unknown where no other text of the reference holds them."""
        share, texts = reference.unknown_share, map(reference.known_texts.get, reference.text_keys.tolist())
        return np.array([_nats(text.unknown, text.words * share) if text else nan for text in texts], dtype=np.float64)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Nats of this text."""
        if not observation.words:
            return None
        known = reference.known_texts.get(observation.text_key)
        unknown = known.unknown if known else reference.word_counts.unknown(observation.words)
        return _nats(unknown, len(observation.words) * reference.unknown_share)


def _nats(found: int, expected: float) -> float:
    gained = found * log(found / expected) if found else 0.0
    return copysign(gained - (found - expected), found - expected)
