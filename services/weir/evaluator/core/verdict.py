"""What an evaluator says about one call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """A score and its reason. Never holds text of the prompt or the answer."""

    score: float
    """0 (bad) to 1 (good)."""
    label: str = ""
    """Stable word or words for the finding; empty when there is nothing to find."""
    explanation: str = ""
    """Short reason in numbers."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.score <= 1.0:
            raise ValueError(f"score is {self.score}; expected 0 to 1")
