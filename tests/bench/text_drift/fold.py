"""Fold: the bank's arithmetic on many streams at once, from scores made by its real code.

The same recursions as `weir.drift.core.e_detector.follow` and `mean_ewma.follow`, whose bets, weights and constants it
takes, with one more axis for the stream; the template channel's memory is the real one, stream by stream. A unit test
proves that both give the same alarms at the same events.

Two uses: `first_alarms` stops each stream at its first alarm (delays); `count_alarms` starts a stream again after each
(run lengths).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.drift.core.channels import TEMPLATE
from weir.drift.core.e_detector import EXPONENTS, log_bets
from weir.drift.core.mean_ewma import LAMBDAS
from weir.drift.core.monitor import bank_warn_threshold
from weir.drift.core.reference import FloatArray
from weir.drift.core.template_memory import TemplateMemory, fold

from .scores import Scores
from .streams import Rows

CHUNK_EVENTS = 128
"""Events whose bets are computed together: a few MB."""

BANK = 0
"""Number of the e-bank among the parts of an alarm; scale k of the mean EWMA is part k + 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Alarms:
    """`events` in all streams together; `first`: event of each stream's first alarm, -1 for none; `parts`: alarms by
    part.
    """

    events: int
    first: Rows
    parts: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """Alarms of all parts."""
        return int(self.parts.sum())


class Bank:
    """Statistics of `streams` streams, each divided by its threshold; part p alarms when its number reaches 1."""

    def __init__(self, scores: Scores, streams: int, *, page: bool = False) -> None:
        fitted = scores.fitted
        if fitted.ewma is None:
            raise ValueError("the reference has no mean EWMA; the benchmark embeds every text")
        self._scores = scores
        threshold = scores.settings.page_arl_events if page else bank_warn_threshold(fitted, scores.settings)
        weights = np.repeat(fitted.weights[..., None] / (EXPONENTS.size * threshold), EXPONENTS.size, axis=2).ravel()
        # Bets without weight, those of channels without reference scores among them, decide nothing.
        self._bets_used = np.flatnonzero(weights)
        self._weights = weights[self._bets_used]
        self._thresholds = fitted.ewma.thresholds
        self._wealth = np.zeros((streams, self._weights.size))
        self._means = np.zeros((streams, 0 if page else LAMBDAS.size, scores.whitened.shape[1]), dtype=np.float32)
        self._templates = [TemplateMemory() for _ in range(streams)]

    def steps(self, rows: Rows, uniforms: FloatArray) -> Iterator[FloatArray]:
        """The statistics (streams, parts) after each event of `rows` (streams, events). Streams may be restarted or
        left out between two steps: the caller keeps `rows` and the bank in step.
        """
        bets, stakes = self._bets(rows, uniforms)
        for event in range(rows.shape[1]):
            self._wealth = (self._wealth + stakes[:, event]) * bets[:, event]
            bank = self._wealth @ self._weights[:, None]
            yield np.concatenate([bank, self._ewma(rows[:, event])], axis=1) if self._means.shape[1] else bank

    def restart(self, streams: npt.NDArray[np.bool_]) -> None:
        """Forget everything about these streams but the beginnings of their texts, as after the end of an alarm."""
        self._wealth[streams] = 0.0
        self._means[streams] = 0.0

    def keep(self, streams: npt.NDArray[np.bool_]) -> None:
        """Go on with these streams alone."""
        self._wealth, self._means = self._wealth[streams], self._means[streams]
        self._templates = [memory for memory, kept in zip(self._templates, streams, strict=True) if kept]

    def _bets(self, rows: Rows, uniforms: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Factors and stakes (streams, events, bets) of the e-bank: 1 and 0 where a channel skips an event."""
        scores = self._scores
        p = scores.low[rows] + uniforms[..., None] * scores.span[rows]
        if TEMPLATE in scores.fitted.active:
            p[..., TEMPLATE] = self._template_p(rows, uniforms)
        logs = log_bets(p.reshape(-1, p.shape[-1]), scores.fitted.slack)
        flat = logs.reshape(*rows.shape, -1)[..., self._bets_used]
        skipped = np.isnan(flat)
        return np.exp(np.where(skipped, 0.0, flat)), (~skipped).astype(np.float64)

    def _template_p(self, rows: Rows, uniforms: FloatArray) -> FloatArray:
        keys, prefixes = self._scores.keys, self._scores.fitted.prefixes
        p = np.empty(rows.shape)
        for stream, (arrivals, ties) in enumerate(zip(rows.tolist(), uniforms.tolist(), strict=True)):
            memory, values = fold(self._templates[stream], [keys[row] for row in arrivals], ties, prefixes)
            self._templates[stream], p[stream] = memory, values
        return p

    def _ewma(self, rows: npt.NDArray[np.int64]) -> FloatArray:
        whitened = self._scores.whitened[rows][:, None, :]
        self._means += LAMBDAS[:, None] * (whitened - self._means)
        lengths = np.einsum("sld,sld->sl", self._means, self._means, dtype=np.float64)
        return np.asarray(lengths / self._thresholds)


def count_alarms(scores: Scores, rows: Rows, uniforms: FloatArray, *, page: bool = False) -> Alarms:
    """Alarms in whole streams, each started again after an alarm."""
    bank = Bank(scores, len(rows), page=page)
    parts, first = np.zeros(1 + LAMBDAS.size, dtype=np.int64), np.full(len(rows), -1)
    for start in range(0, rows.shape[1], CHUNK_EVENTS):
        part = slice(start, start + CHUNK_EVENTS)
        for event, statistics in enumerate(bank.steps(rows[:, part], uniforms[:, part]), start):
            fired = statistics.max(axis=1) >= 1.0
            if fired.any():
                np.add.at(parts, statistics[fired].argmax(axis=1), 1)
                first[fired & (first < 0)] = event
                bank.restart(fired)
    return Alarms(rows.size, first, parts)


def first_alarms(scores: Scores, rows: Rows, uniforms: FloatArray, *, page: bool = False) -> Alarms:
    """The first alarm of every stream; a stream costs nothing after it."""
    bank = Bank(scores, len(rows), page=page)
    parts, first = np.zeros(1 + LAMBDAS.size, dtype=np.int64), np.full(len(rows), -1)
    alive = np.arange(len(rows))
    for start in range(0, rows.shape[1], CHUNK_EVENTS):
        part = slice(start, start + CHUNK_EVENTS)
        waiting = np.ones(alive.size, dtype=np.bool_)
        for event, statistics in enumerate(bank.steps(rows[alive, part], uniforms[alive, part]), start):
            fired = waiting & (statistics.max(axis=1) >= 1.0)
            if fired.any():
                np.add.at(parts, statistics[fired].argmax(axis=1), 1)
                first[alive[fired]] = event
                waiting &= ~fired
                if not waiting.any():
                    break
        bank.keep(waiting)
        alive = alive[waiting]
        if not alive.size:
            break
    return Alarms(rows.size, first, parts)
