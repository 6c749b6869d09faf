"""Fitted: a reference with everything that scoring needs, computed once when the warm-up ends and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from weir.drift.core.channels import CHANNELS
from weir.drift.core.channels.knn_novelty import require_length
from weir.drift.core.conformal import p_values
from weir.drift.core.e_detector import log_slack
from weir.drift.core.ewma_fit import fit_ewma
from weir.drift.core.mean_ewma import EwmaModel, whiten
from weir.drift.core.observation import FloatVector, Observation
from weir.drift.core.reference import FloatArray, Reference
from weir.drift.core.settings import WARN_PARTS, BankSettings


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """`calibrations[c]`: sorted reference scores of channel c, empty for a channel that does not take part.

    `ewma` is None when too few reference events had embeddings. `slack` (channels, 1, bets) follows from the
    calibrations.
    """

    reference: Reference
    calibrations: tuple[FloatArray, ...]
    ewma: EwmaModel | None
    slack: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        slack = np.array([log_slack(scores.size) for scores in self.calibrations])
        object.__setattr__(self, "slack", slack[:, None, :])

    @property
    def active(self) -> list[int]:
        """Positions of the channels that take part."""
        return [i for i, scores in enumerate(self.calibrations) if scores.size]

    @property
    def inactive_parts(self) -> tuple[str, ...]:
        """Names of what does not take part for want of reference scores."""
        names = [channel.name for channel, scores in zip(CHANNELS, self.calibrations, strict=True) if not scores.size]
        return tuple(names if self.ewma else [*names, "mean-ewma"])


def fit(reference: Reference, settings: BankSettings) -> Fitted:
    """Calibrates every channel and simulates the EWMA thresholds: about 2 CPU-seconds for 2,000 events of 384
    dimensions.
    """
    scores = (np.sort(channel.reference_scores(reference)) for channel in CHANNELS)
    enough = settings.min_reference_events
    calibrations = tuple(array if array.size >= enough else array[:0] for array in scores)
    ewma = None
    if len(reference.embeddings) >= enough:
        ewma = fit_ewma(reference.embeddings, settings.warn_arl_events * WARN_PARTS, settings.seed)
    return Fitted(reference, calibrations, ewma)


def p_values_of(fitted: Fitted, observations: Sequence[Observation], uniforms: Sequence[float]) -> FloatArray:
    """P-values (events, channels), NaN where a channel has no score. One tie-breaking number in (0, 1) per event."""
    scores = np.full((len(observations), len(CHANNELS)), np.nan)
    for i in fitted.active:
        scores[:, i] = CHANNELS[i].score_many(observations, fitted.reference)
    return p_values(scores, fitted.calibrations, np.array(uniforms, dtype=np.float64))


def whitened_of(fitted: Fitted, observation: Observation) -> FloatVector | None:
    """The event in the metric of the mean EWMA; None without an embedding or without that part."""
    if fitted.ewma is None or observation.embedding is None:
        return None
    require_length(observation.embedding, fitted.ewma.centre.size, observation.event_id)
    return whiten(observation.embedding, fitted.ewma)
