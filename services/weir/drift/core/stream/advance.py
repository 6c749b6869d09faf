"""Advance: what one envelope of features does to a monitored stream.

    stream, signals = advance(stream, observations_of(envelope), space_of(envelope), settings)

Events counted before are left out. Another embedding model is no drift: the alarm that is on is withdrawn and the
stream warms again, under the next version of its reference; two models that take turns on one stream would keep it
warming for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir.detectors.bank import BankState, MonitoringBank, WarmingBank, step, step_many
from weir.detectors.monitor import RECENT_EVENTS
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Cleared, Signal
from weir.detectors.settings import BankSettings
from weir.detectors.uniform import uniform_of
from weir.drift.core.insight_settings import InsightSettings
from weir.drift.core.stream.signals import withdrawals
from weir.drift.core.stream.state import EmbeddingSpace, StreamState, begun_anew, in_space, remembering
from weir.drift.core.stream.walk import Assets, Told, walked
from weir.events import DriftSignalled

TIES_SALT = "ties"
"""Salt of the number that breaks ties of an event."""

DEFAULT_INSIGHT = InsightSettings()
"""What explains and compares where nobody chose otherwise."""


def fresh(stream: StreamState, observations: Sequence[Observation]) -> list[Observation]:
    """The observations that the stream has not counted, each once."""
    by_id: dict[str, Observation] = {}
    for item in observations:
        by_id.setdefault(item.event_id, item)
    return [item for item in by_id.values() if item.event_id not in stream.seen]


def is_other_space(stream: StreamState, observations: Sequence[Observation], space: EmbeddingSpace) -> bool:
    """Whether these embeddings come from another model than those the stream is compared by."""
    embedded = any(item.embedding is not None for item in observations)
    return embedded and stream.space is not None and stream.space != space


def advance(
    stream: StreamState,
    observations: Sequence[Observation],
    space: EmbeddingSpace,
    settings: BankSettings,
    *,
    insight: InsightSettings = DEFAULT_INSIGHT,
    assets: Assets | None = None,
) -> tuple[StreamState, tuple[DriftSignalled, ...]]:
    """The stream after `observations`, which it has not counted before (`fresh`), and the signals on the way.

    settings: of a reference that is begun here. insight: of skew and explanations. assets: what each event was pinned
    to, by event id; they only explain. Cost: as `bank.step_many`, about 2 s where a reference is completed.
    """
    if not observations:
        return stream, ()
    signals: list[DriftSignalled] = []
    if is_other_space(stream, observations, space):
        first, reason = observations[0], _change_of(stream.space, space)
        signals.extend(withdrawals(stream, first.event_id, first.request_id, first.event_time_us, reason))
        stream = begun_anew(stream, settings, reason)
    if any(item.embedding is not None for item in observations):
        stream = in_space(stream, space)
    # The bank remembers so many events; whoever explains has to look before they are forgotten.
    for start in range(0, len(observations), RECENT_EVENTS):
        piece = observations[start : start + RECENT_EVENTS]
        stream, told = _counted(stream, piece, insight, assets or {})
        signals.extend(told)
    stream = replace(stream, seen=stream.seen.with_ids(item.event_id for item in observations))
    return remembering(stream, signals), tuple(signals)


def _change_of(before: EmbeddingSpace | None, after: EmbeddingSpace) -> str:
    was = f"{before.model} ({before.dimensions})" if before else "none"
    return f"embedding model changed from {was} to {after.model} ({after.dimensions})"


def _counted(
    stream: StreamState, observations: Sequence[Observation], insight: InsightSettings, assets: Assets
) -> tuple[StreamState, list[DriftSignalled]]:
    requests = {**(stream.requests or {}), **{item.event_id: item.request_id for item in observations}}
    bank, told = _stepped(stream.bank, observations)
    after = replace(stream, bank=bank, requests=_still_named(bank, requests))
    return walked(stream, after, observations, told, requests, insight, assets)


def _stepped(bank: BankState, observations: Sequence[Observation]) -> tuple[BankState, list[Told]]:
    told: list[Told] = []
    done = 0
    # One by one while warming: those outcomes do not name their event.
    while isinstance(bank, WarmingBank) and done < len(observations):
        cause = observations[done]
        bank, outcomes = step(bank, cause, uniform_of(cause.event_id, TIES_SALT))
        told.extend(Told(outcome, cause.event_id) for outcome in outcomes)
        done += 1
    rest = observations[done:]
    bank, outcomes = step_many(bank, rest, [uniform_of(item.event_id, TIES_SALT) for item in rest])
    told.extend(Told(one, one.event_id) for one in outcomes if isinstance(one, (Signal, Cleared)))
    return bank, told


def _still_named(bank: BankState, requests: dict[str, str]) -> dict[str, str]:
    if not isinstance(bank, MonitoringBank):
        return {}
    return {event.event_id: requests[event.event_id] for event in bank.monitor.recent}
