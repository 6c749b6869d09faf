"""Channel: the shape every channel has."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import Protocol

from weir.detectors.observation import Observation
from weir.detectors.reference import FloatArray, Reference


class Channel(Protocol):
    """One score of a text. Larger or smaller than usual both count as change, so the sign has no meaning, unless the
    channel is one-sided.
    """

    @property
    def name(self) -> str:
        """What an alert calls it, in kebab-case."""

    @property
    def meaning(self) -> str:
        """What it measures in plain words, as a sentence about a change names it."""

    @property
    def weight(self) -> float:
        """Its share of the e-bank beside the weights of the other channels, 0 or more. With 0 it is only shown."""

    @property
    def two_sided(self) -> bool:
        """Whether smaller scores than usual are evidence too."""

    def reference_scores(self, reference: Reference) -> FloatArray:
        """The score of every reference event, NaN for one without, each as if the reference held neither it nor a copy of
        it: (events,), in their order.
        """

    def score(self, observation: Observation, reference: Reference) -> float | None:
        """The score of a later event; None where the event lacks what is scored."""

    def score_many(self, observations: Sequence[Observation], reference: Reference) -> list[float]:
        """`score` of each event, NaN for None. A channel that gains by batching does so here, with the same bits."""
        scores = [self.score(observation, reference) for observation in observations]
        return [nan if score is None else score for score in scores]
