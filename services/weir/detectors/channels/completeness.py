"""Completeness: whether the event lacks the embedding it should have. Missing data is a signal of its own: every other
channel only skips such an event, so a dead embedder would look like calm.

It sees events without their embedding, not events that do not come: a bank counts events, so silence is time that it
cannot see. That is for the alarms on rates and lag.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference, missing_of


@dataclass(frozen=True, slots=True)
class Completeness(Channel):
    """Score: 1 without the expected embedding, else 0; none where only a sample of events is embedded. One-sided: data
    that are more complete than before are no alarm.
    """

    name: str = "completeness"
    meaning: str = "the share of events without their embedding"
    weight: float = 0.1
    two_sided: bool = False

    def reference_scores(self, reference: Reference) -> FloatArray:
        """The flag of every reference event."""
        return reference.missing

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """The flag of this event."""
        del reference
        return missing_of(observation)
