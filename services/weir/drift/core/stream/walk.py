"""Walk: after the bank has counted a piece of a stream, go through its events once more, to remember and to tell.

Event by event and in their order, so that what a signal says does not depend on how the events came in envelopes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from weir.detectors.bank import BankState, MonitoringBank, WarmingBank
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Frozen, Outcome, Signal
from weir.detectors.sessions import choose
from weir.drift.core.insight_settings import InsightSettings
from weir.drift.core.stream.insight import Insight, begun, explained, noted
from weir.drift.core.stream.signals import signal_of
from weir.drift.core.stream.skew_signals import skew_signal
from weir.drift.core.stream.skew_watch import watched
from weir.drift.core.stream.state import StreamState
from weir.events import DriftSignalled
from weir.events import Reference as AssetReference

Assets = Mapping[str, tuple[AssetReference, ...]]
"""What each event was pinned to, by event id."""


@dataclass(frozen=True, slots=True)
class Told:
    """An outcome of the bank and the event at which it arose."""

    outcome: Outcome
    event_id: str


def walked(
    before: StreamState,
    after: StreamState,
    observations: Sequence[Observation],
    told: Sequence[Told],
    requests: Mapping[str, str],
    settings: InsightSettings,
    assets: Assets,
) -> tuple[StreamState, list[DriftSignalled]]:
    """The stream `after` the bank has counted `observations` since `before`, with what it remembers beside the bank, and
    the signals. `requests`: request ids by event id. At most `monitor.RECENT_EVENTS` observations.
    """
    outcomes: dict[str, list[Outcome]] = defaultdict(list)
    for one in told:
        outcomes[one.event_id].append(one.outcome)
    seen = {one.event_id: one for one in after.bank.monitor.recent} if isinstance(after.bank, MonitoringBank) else {}
    reference = list(before.bank.observations) if isinstance(before.bank, WarmingBank) else []
    signals: list[DriftSignalled] = []
    insight, skew, events = before.insight, before.skew, before.events
    for observation in entering(before.bank, observations):
        event_id, events = observation.event_id, events + 1
        if isinstance(after.bank, MonitoringBank) and event_id in seen:
            insight = noted(insight, after.bank, observation, seen[event_id], assets.get(event_id, ()))
        else:
            reference.append(observation)
        for outcome in outcomes[event_id]:
            if isinstance(outcome, Frozen):
                insight = begun(reference)
            signal = _signal(after, insight, outcome, observation, requests, settings)
            signals += [signal] if signal is not None else []
        if skew is not None:
            skew, tested = watched(skew, observation, settings)
            if tested is not None and (tested.is_raised or tested.is_cleared):
                signals.append(skew_signal(replace(after, skew=skew), tested, observation, events, settings))
    return replace(after, insight=insight, skew=skew), signals


def entering(bank: BankState, observations: Sequence[Observation]) -> list[Observation]:
    """The observations that enter the alarm path of `bank`: one turn a session, as the bank itself chooses."""
    sessions, entered = bank.sessions, []
    for observation in observations:
        sessions, enters = choose(sessions, observation, bank.settings.turn_probability)
        if enters:
            entered.append(observation)
    return entered


def _signal(
    stream: StreamState,
    insight: Insight,
    outcome: Outcome,
    cause: Observation,
    requests: Mapping[str, str],
    settings: InsightSettings,
) -> DriftSignalled | None:
    explanation = None
    if isinstance(outcome, Signal) and isinstance(stream.bank, MonitoringBank):
        explanation = explained(insight, stream.bank, outcome, stream.tenant, settings)
    return signal_of(stream, outcome, cause, requests, explanation)
