"""Monitor: the incremental state of one bank while it watches, and what scored events do to it.

Small on purpose (14 to 35 kB without sessions): it is checkpointed with every batch, while the reference beside it
never changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from weir.detectors import alarm_state, e_detector, mean_ewma
from weir.detectors.advisors import ADVISED, AdvisedP, nothing_advised, remembered
from weir.detectors.alarm_state import AlarmState
from weir.detectors.channels import CHANNELS
from weir.detectors.e_detector import EDetector
from weir.detectors.fitted import Fitted, Memory
from weir.detectors.mean_ewma import EwmaReading, MeanEwma
from weir.detectors.observation import Observation
from weir.detectors.reference import EmbeddingMatrix, FloatArray
from weir.detectors.settings import BankSettings

RECENT_EVENTS = 64
"""Events remembered as possible examples of a change (chosen: 64 ids are 3 kB)."""

WEALTH_HEADROOM = 10.0
"""A bet may grow to this multiple of what pages by itself (chosen: more would only delay the end of the alarm)."""

_NOT_ALIGNED = np.full(mean_ewma.LAMBDAS.size, np.nan)
_ADVISED = [[channel.name for channel in CHANNELS].index(name) for name in ADVISED]


@dataclass(frozen=True, slots=True, eq=False)
class RecentEvent:
    """What one past event said: p-values (channels,) and alignments (scales,), NaN where skipped."""

    index: int
    event_id: str
    p: FloatArray
    alignments: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Monitor:
    """`index` counts monitored events; `ewma` is None when that part is inactive."""

    index: int
    detector: EDetector
    ewma: MeanEwma | None
    recent: tuple[RecentEvent, ...]
    warn: AlarmState
    page: AlarmState
    memory: Memory
    advised: AdvisedP


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Statistics after one event. `channels` (channels,) is what each adds to `bank`. `ewma` is None when that part is
    inactive, NaN when the event had no embedding.
    """

    bank: float
    channels: FloatArray
    ewma: EwmaReading | None


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Events with what was made of them: `p` (events, channels), `whitened` (events, d) or None, and the memory
    after the last of them.
    """

    observations: Sequence[Observation]
    p: FloatArray
    whitened: EmbeddingMatrix | None
    memory: Memory

    def after(self, count: int) -> Scored:
        """The events from place `count` on."""
        whitened = None if self.whitened is None else self.whitened[count:]
        return Scored(self.observations[count:], self.p[count:], whitened, self.memory)


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """An alarm began or ended with one event: the monitor before and after it, and what it read."""

    before: Monitor
    after: Monitor
    reading: Reading


def new_monitor(fitted: Fitted) -> Monitor:
    """A monitor that has seen nothing since `fitted`."""
    ewma = mean_ewma.new_ewma(fitted.ewma.centre.size) if fitted.ewma else None
    return Monitor(
        0, e_detector.new_detector(len(CHANNELS)), ewma, (), AlarmState(), AlarmState(), Memory(), nothing_advised()
    )


def bank_warn_threshold(fitted: Fitted, settings: BankSettings) -> float:
    """What the e-bank must pass to warn: its share of the budget, all of it when the mean EWMA is inactive."""
    return settings.ebank_warn_arl_events if fitted.ewma else settings.warn_arl_events


def observe_many(
    monitor: Monitor, scored: Scored, fitted: Fitted, settings: BankSettings
) -> tuple[Monitor, list[Change]]:
    """The monitor after the events of `scored`, and every alarm that began or ended on the way. Any cut of the events into
    calls gives the same bits.
    """
    # Most often all events at once; after the end of an alarm the bets start again with the rest.
    monitor, counted, changes = _until_restart(monitor, scored, fitted, settings)
    while counted < len(scored.observations):
        scored = scored.after(counted)
        monitor, counted, found = _until_restart(monitor, scored, fitted, settings)
        changes.extend(found)
    return monitor, changes


def _until_restart(
    monitor: Monitor, scored: Scored, fitted: Fitted, settings: BankSettings
) -> tuple[Monitor, int, list[Change]]:
    path = _Path(monitor, scored, fitted, settings)
    bank_warn, changes = bank_warn_threshold(fitted, settings), list[Change]()
    warn, page = monitor.warn, monitor.page
    for place, (bank, ewma_above) in enumerate(zip(path.bank, path.ewma_above, strict=True)):
        warn_above, page_above = ewma_above or bank >= bank_warn, bank >= settings.page_arl_events
        if not (warn_above or warn.raised):
            continue
        index, clear_after = monitor.index + place + 1, settings.clear_after_events
        old_warn, old_page = warn, page
        page = alarm_state.advance(page, above=page_above, index=index, clear_after=clear_after)
        warn = alarm_state.advance(warn, above=warn_above, index=index, clear_after=clear_after)
        if (warn.raised, page.raised) == (old_warn.raised, old_page.raised):
            continue
        before = replace(monitor, warn=old_warn, page=old_page)
        after = path.at(place, warn, page)
        # After an all-clear the bets start again, as the theorem reckons; the averages forget by themselves.
        ended = old_warn.raised and not warn.raised
        if ended:
            after = replace(after, detector=e_detector.restarted(after.detector))
        changes.append(Change(before, after, path.reading(place)))
        if ended:
            return after, place + 1, changes
    return path.at(len(path.bank) - 1, warn, page), len(path.bank), changes


class _Path:
    """Where a monitor goes with some events, alarms aside. `bank` and `ewma_above`: after each event the e-bank, and
    whether a scale of the mean EWMA is at its threshold.
    """

    def __init__(self, monitor: Monitor, scored: Scored, fitted: Fitted, settings: BankSettings) -> None:
        self._monitor, self._scored, self._weights = monitor, scored, fitted.weights
        self._times_us = np.array([item.event_time_us for item in scored.observations], dtype=np.int64)
        cap = WEALTH_HEADROOM * settings.page_arl_events * monitor.detector.wealth.size
        self._detectors = e_detector.follow(monitor.detector, scored.p, fitted.slack, cap)
        wealth = self._detectors.wealth.reshape(len(scored.p), -1)
        self.bank: list[float] = np.vecdot(wealth, fitted.bet_weights).tolist()
        self._ewmas: mean_ewma.EwmaPath | None = None
        self.ewma_above = [False] * len(self.bank)
        if monitor.ewma is not None and fitted.ewma is not None and scored.whitened is not None:
            self._ewmas = mean_ewma.follow(monitor.ewma, scored.whitened, fitted.ewma)
            above = self._ewmas.statistics >= fitted.ewma.thresholds
            self.ewma_above = np.logical_or.reduce(above, axis=1).tolist()

    def reading(self, place: int) -> Reading:
        """What event `place` read."""
        ewma = self._ewmas.reading(place) if self._ewmas else None
        channels = e_detector.channel_wealth(self._detectors.wealth[place], self._weights)
        return Reading(self.bank[place], channels, ewma)

    def at(self, place: int, warn: AlarmState, page: AlarmState) -> Monitor:
        """The monitor after event `place`."""
        monitor, first = self._monitor, self._monitor.index + 1
        ewma = self._ewmas.at(place, first, self._times_us) if self._ewmas else monitor.ewma
        detector = self._detectors.at(place, first, self._times_us)
        advised = remembered(monitor.advised, self._scored.p[: place + 1].take(_ADVISED, axis=1).astype(np.float32))
        return Monitor(first + place, detector, ewma, self._recent(place), warn, page, self._scored.memory, advised)

    def _recent(self, place: int) -> tuple[RecentEvent, ...]:
        new = [
            RecentEvent(
                self._monitor.index + i + 1,
                self._scored.observations[i].event_id,
                self._scored.p[i],
                self._ewmas.alignments[i] if self._ewmas else _NOT_ALIGNED,
            )
            for i in range(max(0, place + 1 - RECENT_EVENTS), place + 1)
        ]
        return (*self._monitor.recent, *new)[-RECENT_EVENTS:]
