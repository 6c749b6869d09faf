"""Explain: the outcomes of a change of alarm states, with the part that fired, when it began and the events that show it."""

from __future__ import annotations

import numpy as np

from weir.detectors.channels import CHANNELS
from weir.detectors.e_detector import leading_bet
from weir.detectors.fitted import Fitted
from weir.detectors.mean_ewma import LAMBDAS
from weir.detectors.monitor import Change, RecentEvent, bank_warn_threshold
from weir.detectors.outcomes import AlarmLevel, Cleared, Guarantee, Outcome, Signal
from weir.detectors.reference import FloatArray
from weir.detectors.settings import BankSettings

MAX_EXAMPLES = 5
"""Example events of a signal (chosen: what a person reads in an alert)."""

DIRECTIONS = ("higher", "lower")
"""Names of the two sides of the e-detector, in their order."""


def outcomes_of(change: Change, fitted: Fitted, settings: BankSettings) -> tuple[Outcome, ...]:
    """The outcomes of one change: a page alone where it comes with its warning; of clearances, that of the page first."""
    before, after = change.before, change.after
    outcomes: list[Outcome] = []
    if after.page.raised and not before.page.raised:
        outcomes.append(_of_bank("page", change, settings.page_arl_events, settings.page_arl_events, fitted))
    elif after.warn.raised and not before.warn.raised:
        outcomes.append(_warning(change, fitted, settings))
    levels: tuple[AlarmLevel, ...] = ("page", "warn")
    for level, old, new in zip(levels, (before.page, before.warn), (after.page, after.warn), strict=True):
        if old.raised and not new.raised:
            outcomes.append(Cleared(level, after.index, old.raised_index))
    return tuple(outcomes)


def _warning(change: Change, fitted: Fitted, settings: BankSettings) -> Signal:
    after, reading, threshold = change.after, change.reading, bank_warn_threshold(fitted, settings)
    if reading.bank >= threshold or reading.ewma is None or fitted.ewma is None or after.ewma is None:
        return _of_bank("warn", change, threshold, settings.warn_arl_events, fitted)
    scale = int((reading.ewma.statistics / fitted.ewma.thresholds).argmax())
    since = int(after.ewma.low_index[scale]) + 1
    return Signal(
        level="warn",
        part=f"mean-ewma-{LAMBDAS[scale]:g}",
        guarantee=Guarantee.SIMULATION,
        direction="moved",
        statistic=float(reading.ewma.statistics[scale]),
        threshold=float(fitted.ewma.thresholds[scale]),
        arl_events=settings.warn_arl_events,
        index=after.index,
        since_index=since,
        since_time_us=int(after.ewma.low_us[scale]),
        example_event_ids=_examples(after.recent, since, np.array([event.alignments[scale] for event in after.recent])),
        reference_version=fitted.reference.version,
    )


def _of_bank(level: AlarmLevel, change: Change, threshold: float, arl_events: float, fitted: Fitted) -> Signal:
    after, channel = change.after, int(change.reading.channels.argmax())
    side, bet = leading_bet(after.detector, channel)
    since = int(after.detector.run_start[channel, side, bet])
    p = np.array([event.p[channel] for event in after.recent])
    return Signal(
        level=level,
        part=CHANNELS[channel].name,
        guarantee=Guarantee.THEOREM,
        direction=DIRECTIONS[side],
        statistic=change.reading.bank,
        threshold=threshold,
        arl_events=arl_events,
        index=after.index,
        since_index=since,
        since_time_us=int(after.detector.run_start_us[channel, side, bet]),
        example_event_ids=_examples(after.recent, since, -p if side == 0 else p),
        reference_version=fitted.reference.version,
    )


def _examples(recent: tuple[RecentEvent, ...], since: int, evidence: FloatArray) -> tuple[str, ...]:
    strongest = np.argsort(-evidence, kind="stable")
    chosen = [recent[i].event_id for i in strongest if recent[i].index >= since and not np.isnan(evidence[i])]
    return tuple(chosen[:MAX_EXAMPLES])
