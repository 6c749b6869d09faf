"""Length: characters of the text. Finds truncation, concatenation, pasted documents, a new template."""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Length(Channel):
    """Score: characters."""

    name: str = "length"
    meaning: str = "the length of prompts"
    weight: float = 1.3
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Characters of every reference text."""
        return reference.char_counts

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Characters of this text."""
        del reference
        return float(observation.char_count)
