"""Template: how often the beginning of a text has come up lately. Finds a new prompt template, which barely moves the
embedding but makes many texts begin alike.

The score has a memory, so it is made by `template_memory` event by event; this file is the channel without one, to
which every beginning is new and all scores tie.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

import numpy as np

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.prefix import NO_WORDS
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Template(Channel):
    """Score: recent events with the same beginning, over what the reference lets expect. One-sided."""

    name: str = "template"
    meaning: str = "the share of prompts that begin alike"
    weight: float = 0.6
    two_sided: bool = False

    def reference_scores(self, reference: Reference) -> FloatArray:
        """0 for every reference text with words."""
        return np.where(reference.prefix_keys == NO_WORDS, nan, 0.0)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """0 for a text with words."""
        del reference
        return 0.0 if observation.words else None
