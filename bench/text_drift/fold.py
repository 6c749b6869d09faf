"""Fold: the bank's arithmetic on many streams at once, from scores made by its real code.

The same recursions as `weir.detectors.e_detector.follow` and `mean_ewma.follow`, whose bets, weights and constants it
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

from weir.detectors import repeats as repeated
from weir.detectors.channels import TEMPLATE
from weir.detectors.e_detector import EXPONENTS, log_bets
from weir.detectors.fitted import Memory
from weir.detectors.mean_ewma import LAMBDAS
from weir.detectors.monitor import bank_warn_threshold
from weir.detectors.reference import FloatArray
from weir.detectors.template_memory import fold

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
        self._scores = scores
        threshold = scores.settings.page_arl_events if page else bank_warn_threshold(fitted, scores.settings)
        weights = np.repeat(fitted.weights[..., None] / (EXPONENTS.size * threshold), EXPONENTS.size, axis=2).ravel()
        # Bets without weight, those of channels without reference scores among them, decide nothing.
        self._bets_used = np.flatnonzero(weights)
        self._weights = weights[self._bets_used]
        self._thresholds = fitted.ewma.thresholds if fitted.ewma else np.zeros(0)
        self._wealth = np.zeros((streams, self._weights.size))
        self._whitened = np.zeros((0, 0), dtype=np.float32) if scores.whitened is None or page else scores.whitened
        scales = LAMBDAS.size if self._whitened.size else 0
        self._means = np.zeros((streams, scales, self._whitened.shape[1]), dtype=np.float32)
        self._memories = [Memory() for _ in range(streams)]

    def steps(self, rows: Rows, uniforms: FloatArray) -> Iterator[FloatArray]:
        """The statistics (streams, parts) after each event of `rows` (streams, events). Streams may be restarted or
        left out between two steps: the caller keeps `rows` and the bank in step.
        """
        (bets, stakes), entering = self._bets(rows, uniforms)
        for event in range(rows.shape[1]):
            self._wealth = (self._wealth + stakes[:, event]) * bets[:, event]
            bank = self._wealth @ self._weights[:, None]
            ewma = self._means.shape[1] > 0
            yield np.concatenate([bank, self._ewma(rows[:, event], entering[:, event])], axis=1) if ewma else bank

    def restart(self, streams: npt.NDArray[np.bool_]) -> None:
        """Forget everything about these streams but the beginnings of their texts, as after the end of an alarm."""
        self._wealth[streams] = 0.0
        self._means[streams] = 0.0

    def keep(self, streams: npt.NDArray[np.bool_]) -> None:
        """Go on with these streams alone."""
        self._wealth, self._means = self._wealth[streams], self._means[streams]
        self._memories = [memory for memory, kept in zip(self._memories, streams, strict=True) if kept]

    def _bets(self, rows: Rows, uniforms: FloatArray) -> tuple[tuple[FloatArray, FloatArray], npt.NDArray[np.bool_]]:
        """Factors and stakes (streams, events, bets) of the e-bank: 1 and 0 where a channel skips an event. And which
        events (streams, events) enter.
        """
        scores = self._scores
        p = scores.low[rows] + uniforms[..., None] * scores.span[rows]
        entering = self._remember(rows, uniforms, p)
        logs = log_bets(p.reshape(-1, p.shape[-1]), scores.fitted.slack)
        flat = logs.reshape(*rows.shape, -1)[..., self._bets_used]
        skipped = np.isnan(flat)
        return (np.exp(np.where(skipped, 0.0, flat)), (~skipped).astype(np.float64)), entering

    def _remember(self, rows: Rows, uniforms: FloatArray, p: FloatArray) -> npt.NDArray[np.bool_]:
        """Set what `p` (streams, events, channels) owes to the memories, repeated events and the template channel.
        Returns which events enter.
        """
        scores, fitted = self._scores, self._scores.fitted
        entering = np.empty(rows.shape, dtype=np.bool_)
        for stream, arrivals in enumerate(rows.tolist()):
            memory, copies = self._memories[stream], [scores.copy_keys[row] for row in arrivals]
            repeats, entering[stream] = repeated.fold(memory.repeats, copies, fitted.reference.repeat_rule)
            enters, templates = np.flatnonzero(entering[stream]), memory.templates
            p[stream, ~entering[stream]] = np.nan
            if TEMPLATE in fitted.active:
                keys = [scores.keys[row] for row in rows[stream, enters].tolist()]
                ties = uniforms[stream, enters].tolist()
                templates, p[stream, enters, TEMPLATE] = fold(templates, keys, ties, fitted.prefixes)
            self._memories[stream] = Memory(templates, repeats)
        return entering

    def _ewma(self, rows: npt.NDArray[np.int64], entering: npt.NDArray[np.bool_]) -> FloatArray:
        whitened = self._whitened[rows][:, None, :]
        self._means += LAMBDAS[:, None] * (whitened - self._means) * entering[:, None, None]
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
