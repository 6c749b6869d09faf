"""Language: how rare the language of a text is in the reference. Finds traffic in a language that was rare or absent.

A category, so ties abound; `conformal` breaks them at random and stays exact. A language counts its own text in both
roles: a reference text belongs to the class that it is compared with, and so would a later text of that class, so
both see the same count and tie, which is what exchangeability asks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from weir.detectors.channels.channel import Channel
from weir.detectors.language import language_of
from weir.detectors.observation import Observation
from weir.detectors.prefix import NO_WORDS
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Language(Channel):
    """Score: bits, minus the logarithm of the share that the language of this text has in the reference. One-sided: a
    text in the commonest language is never strange.
    """

    name: str = "language"
    meaning: str = "the share of languages that are rare in the reference"
    weight: float = 0.3
    two_sided: bool = False

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Bits of every reference text."""
        bits = reference.language_bits[reference.languages]
        return np.where(reference.text_keys == NO_WORDS, nan, bits)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Bits of this text; None without words."""
        return float(reference.language_bits[language_of(observation.words)]) if observation.words else None
