"""Signals of a stream of texts: what outcomes of a bank and decisions about it become.

Their ids derive from the response event at which the state changed and the kind of change, so a replay from the
checkpoint writes the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from weir.detectors.alarm_state import AlarmState
from weir.detectors.bank import MonitoringBank
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Cleared, Frozen, Outcome, Signal, Warming
from weir.detectors.settings import BankSettings
from weir.drift.core.explanation import Explanation
from weir.drift.core.signal_kinds import Alarm, OperatorDecision, StreamSignal
from weir.drift.core.stream.sentences import (
    cleared_sentence,
    decided_sentence,
    fired_sentence,
    frozen_sentence,
    warming_sentence,
    withdrawn_sentence,
)
from weir.drift.core.stream.skew_watch import SkewWatch
from weir.drift.core.stream.state import StreamState
from weir.events import DriftLevel, DriftState, derived_id, digest_of

DETECTOR = "bank"
"""Name of the detector bank on signals."""

WARMING_EVERY_EVENTS = 250
"""Events between two signals of a warming stream, besides the one at its start. Chosen: four a thousand events."""


def config_digest(settings: BankSettings) -> str:
    """Digest of the settings a bank was made with."""
    return digest_of({"detector": DETECTOR, **asdict(settings)})


def reference_digest(digest: str) -> str:
    """The digest of a reference as events carry it."""
    return f"sha256:{digest}"


def signal_of(
    stream: StreamState,
    outcome: Outcome,
    cause: Observation,
    requests: Mapping[str, str],
    explanation: Explanation | None = None,
) -> Alarm | None:
    """The signal of `outcome`; None for a step of warming that is not signalled.

    stream: in the phase (same reference) in which the outcome arose. requests: request ids by event id. explanation: of
    an outcome that fired.
    """
    if isinstance(outcome, Warming):
        return _warming(stream, outcome, cause)
    if isinstance(outcome, Frozen):
        return _frozen(stream, outcome, cause)
    if isinstance(outcome, Signal):
        return _fired(stream, outcome, cause, requests, explanation)
    return _cleared(stream, outcome, cause)


def withdrawals(
    stream: StreamState, cause_event_id: str, request_id: str, now_us: int, reason: str
) -> list[StreamSignal]:
    """A cleared signal for each alarm that is on and ends without the traffic being back to normal. reason: a half sentence."""
    if not isinstance(stream.bank, MonitoringBank):
        return []
    monitor = stream.bank.monitor
    alarms: list[tuple[DriftLevel, AlarmState]] = [("page", monitor.page), ("warn", monitor.warn)]
    raised = [level for level, alarm in alarms if alarm.raised]
    return [
        Alarm(
            **common_fields(stream, "cleared", level, cause_event_id, request_id, now_us),
            event_index=stream.events,
            explanation=withdrawn_sentence(level, stream, reason),
        )
        for level in raised
    ]


def decision(
    stream: StreamState,
    state: DriftState,
    cause_event_id: str,
    now_us: int,
    *,
    author: str,
    reason: str,
    next_version: str = "",
) -> OperatorDecision:
    """The record of a person's decision about `stream`, which still has the reference it was decided on.

    state: `accepted` (the traffic is the new normal, `next_version` is begun) or `dismissed` (the alarm was false).
    """
    return OperatorDecision(
        **common_fields(stream, state, "", cause_event_id, "", now_us),
        event_index=stream.events,
        author=author,
        reason=reason,
        next_reference_version=next_version,
        explanation=decided_sentence(state, author, stream.version, next_version),
    )


def _warming(stream: StreamState, outcome: Warming, cause: Observation) -> Alarm | None:
    if outcome.events != 1 and outcome.events % WARMING_EVERY_EVENTS:
        return None
    common = common_fields(stream, "warming", "", cause.event_id, cause.request_id, cause.event_time_us)
    common |= {"reference_version": "", "reference_digest": "", "reference_events": outcome.events}
    return Alarm(
        **common,
        event_index=stream.events_before + outcome.events,
        explanation=warming_sentence(outcome, stream.warming_reason),
    )


def _frozen(stream: StreamState, outcome: Frozen, cause: Observation) -> Alarm:
    return Alarm(
        **common_fields(stream, "monitoring", "", cause.event_id, cause.request_id, cause.event_time_us),
        event_index=stream.events_before + outcome.events,
        explanation=frozen_sentence(outcome),
    )


def _fired(
    stream: StreamState,
    outcome: Signal,
    cause: Observation,
    requests: Mapping[str, str],
    explanation: Explanation | None,
) -> Alarm:
    offset = stream.events_before + stream.reference_events
    return Alarm(
        **common_fields(stream, "fired", outcome.level, cause.event_id, cause.request_id, cause.event_time_us),
        part=outcome.part,
        statistic=outcome.statistic,
        threshold=outcome.threshold,
        event_index=offset + outcome.index,
        since_event_index=offset + outcome.since_index,
        since_time_us=outcome.since_time_us,
        example_request_ids=tuple(requests[event_id] for event_id in outcome.example_event_ids),
        explanation=fired_sentence(outcome, offset, stream.reference_events),
        guarantee=str(outcome.guarantee),
        explained=_counted_from(offset, explanation) if explanation else None,
    )


def _counted_from(offset: int, explanation: Explanation) -> Explanation:
    clusters = (replace(one, first_event_index=offset + one.first_event_index) for one in explanation.clusters)
    return replace(explanation, clusters=tuple(clusters))


def _cleared(stream: StreamState, outcome: Cleared, cause: Observation) -> Alarm:
    offset = stream.events_before + stream.reference_events
    return Alarm(
        **common_fields(stream, "cleared", outcome.level, cause.event_id, cause.request_id, cause.event_time_us),
        event_index=offset + outcome.index,
        explanation=cleared_sentence(outcome, offset),
    )


def dataset_fields(watch: SkewWatch | None) -> dict[str, Any]:
    """The evaluation dataset version that a stream is compared with for skew, as fields of a signal."""
    if watch is None:
        return {}
    reference = watch.reference
    return {
        "dataset_name": reference.name,
        "dataset_version": reference.version,
        "dataset_digest": reference.digest,
        "dataset_items": len(reference.embeddings),
    }


def common_fields(
    stream: StreamState, state: DriftState, level: DriftLevel, cause_event_id: str, request_id: str, time_us: int
) -> dict[str, Any]:
    """The fields that every signal of `stream` has. Their `event_id` derives from the cause, the state and the level."""
    settings = stream.bank.settings
    digest = stream.bank.fitted.reference.digest if isinstance(stream.bank, MonitoringBank) else ""
    arl = {"warn": settings.warn_arl_events, "page": settings.page_arl_events}.get(level, 0.0)
    return {
        "event_id": derived_id(cause_event_id, f"drift-signal {state} {level} {stream.version}"),
        "tenant": stream.tenant,
        "event_time_us": time_us,
        "route": stream.route,
        "detector": DETECTOR,
        "config_digest": config_digest(settings),
        "state": state,
        "level": level,
        "arl_target": arl,
        "reference_version": str(stream.version) if digest else "",
        "reference_digest": reference_digest(digest) if digest else "",
        "reference_events": stream.reference_events,
        "trigger_request_id": request_id,
        **dataset_fields(stream.skew),
    }
