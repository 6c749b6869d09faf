"""Truncation: texts that are short *and* have lost their punctuation. A text that was cut off has lost its end.

Length alone finds cut texts slowly where short texts are usual: what is short and whole still ends in a full stop.
Measured on texts cut to eight words at 30 % of the traffic: a third fewer events to an alarm than with length alone.

Weight 2, chosen on the first base: with 1 such texts need 6 events to an alarm at 100 % and 27 at 30 %, with 2 5 and 25;
other score weights (1 to 3) and counts (words, logarithms) gain at most 4 % of evidence, so the score stayed as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, sqrt

import numpy as np

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference

LENGTH_WEIGHT = 1.5
"""Weight of the logarithm of the characters beside the root of the punctuation count: the ratio of their usual spreads."""


@dataclass(frozen=True, slots=True)
class Truncation(Channel):
    """Score: -(1.5 ln(characters) + sqrt(punctuation characters)). One-sided: larger is shorter and barer."""

    name: str = "truncation"
    meaning: str = "the share of prompts that look cut off"
    weight: float = 2.0
    two_sided: bool = False

    def reference_scores(self, reference: Reference) -> FloatArray:
        """The score of every reference text."""
        pairs = zip(reference.char_counts.tolist(), reference.punctuation_shares.tolist(), strict=True)
        return np.array([_score(chars, share) for chars, share in pairs], dtype=np.float64)

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """The score of this text."""
        del reference
        return _score(observation.char_count, observation.punctuation_share)


def _score(chars: float, share: float) -> float:
    return -(LENGTH_WEIGHT * log(max(chars, 1.0)) + sqrt(share * chars))
