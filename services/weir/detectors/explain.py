"""Explain: the outcomes of a change of alarm states, with the part that fired, when it began and the events that show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weir.detectors.channels import CHANNELS
from weir.detectors.e_detector import leading_bet
from weir.detectors.fitted import Fitted
from weir.detectors.mean_ewma import LAMBDAS
from weir.detectors.monitor import Change, Monitor, Reading, RecentEvent, bank_warn_threshold
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Cleared, Guarantee, Level, Outcome, Signal
from weir.detectors.reference import FloatArray
from weir.detectors.settings import BankSettings

MAX_EXAMPLES = 5
"""Example events of a signal (chosen: what a person reads in an alert)."""

DIRECTIONS = ("higher", "lower")
"""Names of the two sides of the e-detector, in their order."""


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    guarantee: Guarantee
    direction: str
    statistic: float
    threshold: float
    since_index: int
    since_us: int
    examples: tuple[str, ...]


def outcomes_of(change: Change, fitted: Fitted, settings: BankSettings) -> tuple[Outcome, ...]:
    """What to tell. A page that comes with its warning is told as the page alone; clearances are told page first."""
    before, after, reading, observation = change.before, change.after, change.reading, change.observation
    outcomes: list[Outcome] = []
    if after.page.raised and not before.page.raised:
        part = _bank_part(after, reading, settings.page_arl_events)
        outcomes.append(_signal(Level.PAGE, part, settings.page_arl_events, after, observation, fitted))
    elif after.warn.raised and not before.warn.raised:
        part = _warning_part(after, reading, fitted, settings)
        outcomes.append(_signal(Level.WARN, part, settings.warn_arl_events, after, observation, fitted))
    for level, old, new in ((Level.PAGE, before.page, after.page), (Level.WARN, before.warn, after.warn)):
        if old.raised and not new.raised:
            outcomes.append(
                Cleared(
                    level, after.index, observation.event_id, observation.event_time_us, old.raised_index,
                    fitted.reference.version, fitted.reference.digest,
                )
            )  # fmt: skip
    return tuple(outcomes)


def _signal(level: Level, part: _Part, arl: float, after: Monitor, observation: Observation, fitted: Fitted) -> Signal:
    return Signal(
        level=level,
        part=part.name,
        guarantee=part.guarantee,
        direction=part.direction,
        statistic=part.statistic,
        threshold=part.threshold,
        arl_events=arl,
        index=after.index,
        event_id=observation.event_id,
        event_time_us=observation.event_time_us,
        since_index=part.since_index,
        since_time_us=part.since_us,
        example_event_ids=part.examples,
        reference_version=fitted.reference.version,
        reference_digest=fitted.reference.digest,
    )


def _warning_part(after: Monitor, reading: Reading, fitted: Fitted, settings: BankSettings) -> _Part:
    threshold = bank_warn_threshold(fitted, settings)
    if reading.bank >= threshold or reading.ewma is None or fitted.ewma is None or after.ewma is None:
        return _bank_part(after, reading, threshold)
    scale = int((reading.ewma.statistics / fitted.ewma.thresholds).argmax())
    since = int(after.ewma.low_index[scale]) + 1
    return _Part(
        name=f"mean-ewma-{LAMBDAS[scale]:g}",
        guarantee=Guarantee.SIMULATION,
        direction="moved",
        statistic=float(reading.ewma.statistics[scale]),
        threshold=float(fitted.ewma.thresholds[scale]),
        since_index=since,
        since_us=int(after.ewma.low_us[scale]),
        examples=_examples(after.recent, since, np.array([event.alignments[scale] for event in after.recent])),
    )


def _bank_part(after: Monitor, reading: Reading, threshold: float) -> _Part:
    channel = int(reading.channels.argmax())
    side, bet = leading_bet(after.detector, channel)
    since = int(after.detector.run_start[channel, side, bet])
    p = np.array([event.p[channel] for event in after.recent])
    return _Part(
        name=CHANNELS[channel].name,
        guarantee=Guarantee.THEOREM,
        direction=DIRECTIONS[side],
        statistic=reading.bank,
        threshold=threshold,
        since_index=since,
        since_us=int(after.detector.run_start_us[channel, side, bet]),
        examples=_examples(after.recent, since, -p if side == 0 else p),
    )


def _examples(recent: tuple[RecentEvent, ...], since: int, evidence: FloatArray) -> tuple[str, ...]:
    strongest = np.argsort(-evidence, kind="stable")
    chosen = [recent[i].event_id for i in strongest if recent[i].index >= since and not np.isnan(evidence[i])]
    return tuple(chosen[:MAX_EXAMPLES])
