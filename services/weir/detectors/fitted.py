"""Fitted: a reference with everything that scoring needs, computed once when the warm-up ends and never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from weir.detectors import repeats as repeated
from weir.detectors.channels import CHANNELS, TEMPLATE, Channel
from weir.detectors.channels.knn_novelty import require_length
from weir.detectors.conformal import Ranking
from weir.detectors.e_detector import EXPONENTS, p_slack
from weir.detectors.ewma_fit import fit_ewma, varies
from weir.detectors.mean_ewma import EwmaModel, whiten
from weir.detectors.observation import Observation
from weir.detectors.prefix import prefix_key_of
from weir.detectors.reference import EmbeddingMatrix, FloatArray, Reference
from weir.detectors.repeats import NO_REPEATS, Repeats
from weir.detectors.settings import BankSettings
from weir.detectors.template_memory import PrefixCounts, TemplateMemory, fold
from weir.state import Codec

MEAN_EWMA = "mean-ewma"
NAMES = tuple(channel.name for channel in CHANNELS)
PARTS = (*NAMES, MEAN_EWMA)
"""Names of everything that may take part."""

INDIFFERENT = 0.5
"""P-value of a score that equals every reference score. Every bet loses a little on it (0.01 to 0.7), so a constant
channel cannot fire, and a score that the reference lacks still wins: at most one in 2,000 events had it.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Memory:
    """What scores remember of the stream: beginnings for the template channel, and which texts would be repeats."""

    templates: TemplateMemory = field(default_factory=TemplateMemory)
    repeats: Repeats = NO_REPEATS


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """A reference, and what follows from its scores. Raises ValueError for other channels than there are."""

    reference: Reference
    calibrations: tuple[FloatArray, ...]
    """For each channel its reference scores, sorted; empty for a channel that does not take part."""
    ewma: EwmaModel | None
    """None when too few reference events had embeddings."""
    channels: tuple[str, ...] = NAMES
    """The channels of the calibrations, by name."""
    slack: FloatArray = field(init=False, repr=False)
    """(channels, 2); NaN on a side that a channel does not bet on."""
    weights: FloatArray = field(init=False, repr=False)
    """(channels, 2), of the sides in the e-bank: 0 for a channel that takes no part, 1 in sum."""
    bet_weights: FloatArray = field(init=False, repr=False)
    """(channels * 2 * bets,): the weights shared out over the bets."""
    ranking: Ranking = field(init=False, repr=False)
    """Of later scores among the calibrations."""
    active: tuple[int, ...] = field(init=False, repr=False)
    """Positions of the channels that have reference scores; those that are only shown, too."""
    constants: FloatArray = field(init=False, repr=False)
    """(channels,): the only score of the reference in a channel that has but one, else NaN."""
    inactive_parts: tuple[str, ...] = field(init=False, repr=False)
    """Parts that do not take part: too few reference scores, or embeddings that do not vary."""
    prefixes: PrefixCounts = field(init=False, repr=False)
    """The beginnings of the reference texts."""

    def __post_init__(self) -> None:
        if self.channels != NAMES:
            raise ValueError(f"the reference was fitted for the channels {self.channels}, expected {NAMES}")
        sides = np.array([(1.0, 1.0 if channel.two_sided else np.nan) for channel in CHANNELS])
        slack = np.array([p_slack(scores.size) for scores in self.calibrations])
        weights = np.array([channel.weight for channel in CHANNELS]) * [scores.size > 0 for scores in self.calibrations]
        per_side = weights[:, None] * np.nan_to_num(sides) / np.nansum(sides, axis=1)[:, None]
        object.__setattr__(self, "slack", slack[:, None] * sides)
        object.__setattr__(self, "weights", per_side / max(weights.sum(), np.finfo(np.float64).tiny))
        object.__setattr__(self, "bet_weights", np.repeat(self.weights.ravel() / EXPONENTS.size, EXPONENTS.size))
        object.__setattr__(self, "ranking", Ranking(self.calibrations))
        object.__setattr__(self, "active", tuple(i for i, scores in enumerate(self.calibrations) if scores.size))
        object.__setattr__(self, "constants", np.array([_only(scores) for scores in self.calibrations]))
        active = {CHANNELS[i].name for i in self.active} | ({MEAN_EWMA} if self.ewma else set())
        object.__setattr__(self, "inactive_parts", tuple(part for part in PARTS if part not in active))
        object.__setattr__(self, "prefixes", PrefixCounts(self.reference.prefix_keys, self.reference.text_keys))

    @property
    def constant_parts(self) -> tuple[str, ...]:
        """Names of the channels in which all reference events are equal: they tell another value, and nothing else."""
        known = ~np.isnan(self.constants)
        return tuple(one.name for i, one in enumerate(CHANNELS) if known[i] and i != TEMPLATE)


FITTED = Codec(Fitted, "drift-reference", layout=4)
"""A reference with its thresholds, about 4 MB for 2,000 events of 384 dimensions."""


def fitted_piece(fitted: Fitted) -> str:
    """Name of a reference: its version and the digest of its contents."""
    return f"reference-{fitted.reference.version}-{fitted.reference.digest}"


def fit(reference: Reference, settings: BankSettings) -> Fitted:
    """Calibrates every channel and simulates the EWMA thresholds: about 2 CPU-seconds for 2,000 events of 384
    dimensions.
    """
    calibrations = tuple(_calibration(channel, reference, settings) for channel in CHANNELS)
    ewma, keys = None, reference.copy_keys[reference.embedded]
    if len(reference.embeddings) >= settings.min_reference_events and varies(reference.embeddings):
        ewma = fit_ewma(reference.embeddings, settings.ewma_warn_arl_events, settings.seed, keys, reference.repeat_rule)
    return Fitted(reference, calibrations, ewma)


def _calibration(channel: Channel, reference: Reference, settings: BankSettings) -> FloatArray:
    """Sorted scores of the events that enter. Repeated ones count for whether there are enough: how many are is normal."""
    scores = channel.reference_scores(reference)
    known = ~np.isnan(scores)
    if np.count_nonzero(known) < settings.min_reference_events:
        return np.zeros(0)
    return np.sort(scores[known & reference.entering])


def p_values_of(
    fitted: Fitted, memory: Memory, observations: Sequence[Observation], uniforms: Sequence[float]
) -> tuple[Memory, list[bool], FloatArray]:
    """The memory after the events, whether each enters or is repeated, and p-values (events, channels): NaN where a channel
    has no score and for repeated events.

    One tie-breaking number in (0, 1) per event.
    """
    repeats, enters = repeated.fold(
        memory.repeats, [item.copy_key for item in observations], fitted.reference.repeat_rule
    )
    if all(enters):  # as most events do; the rest costs 5 us a call
        templates, p = ranked(fitted, memory.templates, observations, uniforms)
        return Memory(templates, repeats), enters, p
    p = np.full((len(observations), len(CHANNELS)), nan)
    entering = [i for i, one in enumerate(enters) if one]
    templates, p[entering] = ranked(
        fitted, memory.templates, [observations[i] for i in entering], [uniforms[i] for i in entering]
    )
    return Memory(templates, repeats), enters, p


def ranked(
    fitted: Fitted, templates: TemplateMemory, observations: Sequence[Observation], uniforms: Sequence[float]
) -> tuple[TemplateMemory, FloatArray]:
    """`p_values_of` events of which none is repeated."""
    scored = [[nan] * len(observations)] * len(CHANNELS)
    for i in fitted.active:
        scored[i] = CHANNELS[i].score_many(observations, fitted.reference)
    scores = np.array(scored, dtype=np.float64).T
    p = fitted.ranking.p_values(scores, np.array(uniforms, dtype=np.float64))
    # A channel whose reference scores are all equal has no ranks to tell: what equals them is neither high nor low.
    np.putmask(p, scores == fitted.constants, INDIFFERENT)
    if TEMPLATE in fitted.active:
        keys = [(prefix_key_of(observation.words), observation.text_key) for observation in observations]
        templates, p[:, TEMPLATE] = fold(templates, keys, uniforms, fitted.prefixes)
    return templates, p


def _only(scores: FloatArray) -> float:
    return float(scores[0]) if scores.size and scores[0] == scores[-1] else nan


def whitened_of(
    fitted: Fitted, observations: Sequence[Observation], entering: Sequence[bool]
) -> EmbeddingMatrix | None:
    """The events in the metric of the mean EWMA (events, d), NaN without an embedding and for repeated events; None
    without that part.
    """
    if fitted.ewma is None:
        return None
    rows = np.empty((len(observations), fitted.ewma.centre.size), dtype=np.float32)
    for row, observation, enters in zip(rows, observations, entering, strict=True):
        if observation.embedding is None:
            row[:] = nan
            continue
        require_length(observation.embedding, row.size, observation.event_id)
        if not enters:
            row[:] = nan
            continue
        row[:] = whiten(observation.embedding, fitted.ewma)
    return rows
