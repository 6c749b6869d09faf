"""Latency: milliseconds of the call. Shown beside the others and outside every promise.

Ranks make heavy tails harmless. What they cannot mend is dependence: a busy minute slows all its calls, sessions or
not, so the p-values are not independent of the past and the bound on false alarms does not hold. Hence weight 0: its
wealth is reported as a part, it neither warns nor pages. Alarms on latency belong to the operational signals.
"""

from __future__ import annotations

from dataclasses import dataclass

from weir.detectors.channels.channel import Channel
from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


@dataclass(frozen=True, slots=True)
class Latency(Channel):
    """Score: milliseconds."""

    name: str = "latency"
    meaning: str = "the latency of calls"
    weight: float = 0.0
    two_sided: bool = True

    def reference_scores(self, reference: Reference) -> FloatArray:
        """Milliseconds of every reference call."""
        return reference.latencies_ms

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """Milliseconds of this call."""
        del reference
        return observation.latency_ms
