"""Monitor: the incremental state of one bank while it watches, and what one scored event does to it.

Small on purpose (about 15 kB without sessions): it is checkpointed with every batch, while the reference beside it
never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from weir.drift.core import e_detector, latch, mean_ewma
from weir.drift.core.channels import CHANNELS
from weir.drift.core.e_detector import EDetector
from weir.drift.core.fitted import Fitted
from weir.drift.core.latch import Latch
from weir.drift.core.mean_ewma import EwmaReading, MeanEwma
from weir.drift.core.observation import FloatVector, Observation
from weir.drift.core.reference import FloatArray
from weir.drift.core.settings import WARN_PARTS, BankSettings

RECENT_EVENTS = 64
"""Events remembered as possible examples of a change (chosen: 64 ids are 3 kB)."""

WEALTH_HEADROOM = 10.0
"""A bet may grow to this multiple of what pages by itself (chosen): more would only delay the end of the alarm."""


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
    warn: Latch
    page: Latch


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """Statistics after one event. `ewma` is None when the event had no embedding."""

    bank: float
    channels: FloatArray
    ewma: EwmaReading | None


def new_monitor(fitted: Fitted) -> Monitor:
    """A monitor that has seen nothing since `fitted`."""
    ewma = mean_ewma.new_ewma(fitted.ewma.centre.size) if fitted.ewma else None
    return Monitor(0, e_detector.new_detector(len(CHANNELS)), ewma, (), Latch(), Latch())


def bank_warn_threshold(fitted: Fitted, settings: BankSettings) -> float:
    """What the e-bank must pass to warn: its share of the budget, all of it when the mean EWMA is inactive."""
    return settings.warn_arl_events * (WARN_PARTS if fitted.ewma else 1)


def observe(
    monitor: Monitor,
    observation: Observation,
    p: FloatArray,
    whitened: FloatVector | None,
    fitted: Fitted,
    settings: BankSettings,
) -> tuple[Monitor, Reading]:
    """The monitor after one event with p-values `p` (channels,), latches moved but not yet acted on."""
    index, time_us = monitor.index + 1, observation.event_time_us
    cap = WEALTH_HEADROOM * settings.page_arl_events * monitor.detector.wealth.size
    detector = e_detector.update(monitor.detector, p, fitted.slack, index=index, time_us=time_us, wealth_max=cap)
    ewma, ewma_reading = monitor.ewma, None
    alignments = np.full(mean_ewma.LAMBDAS.size, np.nan)
    if monitor.ewma is not None and fitted.ewma is not None and whitened is not None:
        ewma, ewma_reading = mean_ewma.update(monitor.ewma, whitened, fitted.ewma, index=index, time_us=time_us)
        alignments = ewma_reading.alignments
    # A channel that takes no part has no wealth, so the sum is that of the active ones.
    channels = e_detector.channel_wealth(detector)
    reading = Reading(float(channels.sum()) / len(fitted.active), channels, ewma_reading)
    recent = (*monitor.recent[1 - RECENT_EVENTS :], RecentEvent(index, observation.event_id, p, alignments))
    after = Monitor(index, detector, ewma, recent, monitor.warn, monitor.page)
    return _latched(after, reading, fitted, settings), reading


def _latched(monitor: Monitor, reading: Reading, fitted: Fitted, settings: BankSettings) -> Monitor:
    page_above = reading.bank >= settings.page_arl_events
    warn_above = reading.bank >= bank_warn_threshold(fitted, settings) or ewma_above(reading, fitted)
    if not (warn_above or monitor.warn.raised):
        return monitor
    clear_after = settings.clear_after_events
    page = latch.advance(monitor.page, above=page_above, index=monitor.index, clear_after=clear_after)
    warn = latch.advance(monitor.warn, above=warn_above, index=monitor.index, clear_after=clear_after)
    # After an all-clear the bets start again, as the theorem reckons; the averages forget by themselves.
    ended = monitor.warn.raised and not warn.raised
    detector = e_detector.restarted(monitor.detector) if ended else monitor.detector
    return replace(monitor, detector=detector, page=page, warn=warn)


def ewma_above(reading: Reading, fitted: Fitted) -> bool:
    """Whether any scale of the mean EWMA is above its threshold."""
    if reading.ewma is None or fitted.ewma is None:
        return False
    return bool((reading.ewma.statistics >= fitted.ewma.thresholds).any())
