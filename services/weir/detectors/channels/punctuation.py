"""Punctuation: share of punctuation and symbol characters. Finds code, markup, tables and templates entering the
traffic.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Punctuation(Channel):
    """Score: fraction of all characters, 0 to 1."""

    name: str = "punctuation"
    meaning: str = "the share of punctuation"
    weight: float = 0.3
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """The share in every reference text."""
        return reference.punctuation_shares

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """The share in this text."""
        del reference
        return observation.punctuation_share
