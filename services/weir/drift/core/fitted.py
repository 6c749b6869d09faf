"""Fitted: a reference with everything that scoring needs, computed once when the warm-up ends and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from weir.drift.core.channels import CHANNELS, TEMPLATE
from weir.drift.core.channels.knn_novelty import require_length
from weir.drift.core.conformal import Ranking
from weir.drift.core.e_detector import EXPONENTS, p_slack
from weir.drift.core.ewma_fit import fit_ewma
from weir.drift.core.mean_ewma import EwmaModel, whiten
from weir.drift.core.observation import Observation
from weir.drift.core.prefix import prefix_key_of, text_key_of
from weir.drift.core.reference import EmbeddingMatrix, FloatArray, Reference
from weir.drift.core.settings import BankSettings
from weir.drift.core.template_memory import PrefixCounts, TemplateMemory, fold


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """`calibrations[c]`: sorted reference scores of channel c, empty for a channel that does not take part.

    `ewma` is None when too few reference events had embeddings. From the calibrations follow `slack` (channels, 2), NaN on
    a side that a channel does not bet on, and `weights` (channels, 2) of the sides in the e-bank, 0 for a
    channel that takes no part and 1 in sum; `bet_weights` (channels * 2 * bets,), the same shared out over the bets; the
    `ranking` of later scores; and `active`, the positions of the channels that have reference scores, shown ones
    included. `prefixes`: the beginnings of the reference texts.
    """

    reference: Reference
    calibrations: tuple[FloatArray, ...]
    ewma: EwmaModel | None
    slack: FloatArray = field(init=False, repr=False)
    weights: FloatArray = field(init=False, repr=False)
    bet_weights: FloatArray = field(init=False, repr=False)
    ranking: Ranking = field(init=False, repr=False)
    active: tuple[int, ...] = field(init=False, repr=False)
    prefixes: PrefixCounts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        sides = np.array([(1.0, 1.0 if channel.two_sided else np.nan) for channel in CHANNELS])
        slack = np.array([p_slack(scores.size) for scores in self.calibrations])
        weights = np.array([channel.weight for channel in CHANNELS]) * [scores.size > 0 for scores in self.calibrations]
        per_side = weights[:, None] * np.nan_to_num(sides) / np.nansum(sides, axis=1)[:, None]
        object.__setattr__(self, "slack", slack[:, None] * sides)
        object.__setattr__(self, "weights", per_side / max(weights.sum(), np.finfo(np.float64).tiny))
        object.__setattr__(self, "bet_weights", np.repeat(self.weights.ravel() / EXPONENTS.size, EXPONENTS.size))
        object.__setattr__(self, "ranking", Ranking(self.calibrations))
        object.__setattr__(self, "active", tuple(i for i, scores in enumerate(self.calibrations) if scores.size))
        object.__setattr__(self, "prefixes", PrefixCounts(self.reference.prefix_keys, self.reference.text_keys))

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
        ewma = fit_ewma(reference.embeddings, settings.ewma_warn_arl_events, settings.seed)
    return Fitted(reference, calibrations, ewma)


def p_values_of(
    fitted: Fitted, templates: TemplateMemory, observations: Sequence[Observation], uniforms: Sequence[float]
) -> tuple[TemplateMemory, FloatArray]:
    """P-values (events, channels), NaN where a channel has no score, and the memory of beginnings after the events.

    One tie-breaking number in (0, 1) per event.
    """
    scores = [[nan] * len(observations)] * len(CHANNELS)
    for i in fitted.active:
        scores[i] = CHANNELS[i].score_many(observations, fitted.reference)
    p = fitted.ranking.p_values(np.array(scores, dtype=np.float64).T, np.array(uniforms, dtype=np.float64))
    if TEMPLATE in fitted.active:
        keys = [(prefix_key_of(observation.words), text_key_of(observation.words)) for observation in observations]
        templates, p[:, TEMPLATE] = fold(templates, keys, uniforms, fitted.prefixes)
    return templates, p


def whitened_of(fitted: Fitted, observations: Sequence[Observation]) -> EmbeddingMatrix | None:
    """The events in the metric of the mean EWMA (events, d), NaN without an embedding; None without that part."""
    if fitted.ewma is None:
        return None
    rows = np.empty((len(observations), fitted.ewma.centre.size), dtype=np.float32)
    for row, observation in zip(rows, observations, strict=True):
        if observation.embedding is None:
            row[:] = nan
            continue
        require_length(observation.embedding, row.size, observation.event_id)
        row[:] = whiten(observation.embedding, fitted.ewma)
    return rows
