"""Refusal: whether the answer declines. Finds a release that refuses more, and one that has stopped refusing."""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Refusal(Channel):
    """Score: 1 for an answer that declines, else 0; a call without an answer has none."""

    name: str = "refusal"
    meaning: str = "the share of answers that decline"
    weight: float = 0.3
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """The flag of every reference answer."""
        return reference.refused

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """The flag of this answer."""
        del reference
        return None if observation.refused is None else float(observation.refused)
