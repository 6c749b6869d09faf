"""State: the life of one alert, inactive -> pending -> firing -> resolved, as a step over observations and ticks.

Time comes in twice: events carry when their fact happened, which dates the alert, and ticks carry the processing
clock, which lets a pending alert fire although nothing more is heard.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from weir.alerts.core.observation import Observation
from weir.alerts.core.rule import Condition, Rule, word


class Phase(StrEnum):
    """Where an alert is in its life."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Sample:
    """One event in the window of a condition."""

    event_id: str
    value: float


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert and all that its next step needs.

    Times are microseconds since 1970-01-01 UTC, 0 for never: pending_since_us by event time, starts_at_us when it began
    to fire, ends_at_us when it was resolved, updated_us of its last event. cause_event_id: event of its last change of
    phase. window: samples of the condition, oldest first.
    """

    fingerprint: str
    rule: str
    rule_digest: str
    labels: Mapping[str, str]
    phase: Phase = Phase.INACTIVE
    value: float = 0.0
    threshold: float = 0.0
    annotations: Mapping[str, str] = field(default_factory=dict)
    cause_event_id: str = ""
    pending_since_us: int = 0
    starts_at_us: int = 0
    ends_at_us: int = 0
    updated_us: int = 0
    window: tuple[Sample, ...] = ()


def step(alert: Alert, rule: Rule, seen: Observation) -> tuple[Alert, bool]:
    """The alert after an observation, and whether its phase changed."""
    if any(sample.event_id == seen.event_id for sample in alert.window):
        return alert, False
    alert = replace(alert, rule_digest=rule.digest, updated_us=max(alert.updated_us, seen.event_time_us))
    if rule.condition is None:
        return _moved(alert, rule, seen, seen.is_bad, seen.value, seen.threshold)
    window = (*alert.window, Sample(seen.event_id, seen.sample))[-rule.condition.window_events :]
    alert = replace(alert, window=window)
    if len(window) < rule.condition.events_min:
        return alert, False
    value = aggregated(rule.condition, window)
    return _moved(alert, rule, seen, rule.condition.holds(value), value, rule.condition.value)


def tick(alert: Alert, rule: Rule, now_us: int) -> tuple[Alert, bool]:
    """The alert at a time of the processing clock, and whether it began to fire."""
    if alert.phase is Phase.PENDING and now_us - alert.pending_since_us >= rule.for_us:
        return _firing(alert, alert.pending_since_us + rule.for_us), True
    return alert, False


def resolved(alert: Alert, at_us: int) -> Alert:
    """The alert ended from outside, because its rule no longer makes it."""
    return replace(alert, phase=Phase.RESOLVED, ends_at_us=at_us, pending_since_us=0)


def aggregated(condition: Condition, window: tuple[Sample, ...]) -> float:
    """The value a condition compares: mean of the samples, share of failed ones, or count of those above 0."""
    values = [sample.value for sample in window]
    return float(sum(value > 0 for value in values)) if condition.aggregate == "count" else sum(values) / len(values)


def _moved(
    alert: Alert, rule: Rule, seen: Observation, is_bad: bool, value: float, threshold: float
) -> tuple[Alert, bool]:
    shown = replace(alert, value=value, threshold=threshold)
    active = alert.phase in (Phase.PENDING, Phase.FIRING)
    if is_bad and not active:
        raised = replace(_described(shown, rule, seen), pending_since_us=seen.event_time_us, ends_at_us=0)
        if rule.for_us:
            return replace(raised, phase=Phase.PENDING, starts_at_us=0), True
        return _firing(raised, seen.event_time_us), True
    if is_bad and alert.phase is Phase.PENDING and seen.event_time_us - alert.pending_since_us >= rule.for_us:
        return _firing(_described(shown, rule, seen), seen.event_time_us), True
    if not is_bad and alert.phase is Phase.PENDING:
        return replace(shown, phase=Phase.INACTIVE, pending_since_us=0, cause_event_id=seen.event_id), True
    if not is_bad and alert.phase is Phase.FIRING:
        return replace(resolved(shown, seen.event_time_us), cause_event_id=seen.event_id), True
    if is_bad and active and seen.fields.get("verdict"):
        # An alarm on scores is told again once it is known whether only the judge changed.
        return replace(_described(shown, rule, seen), cause_event_id=alert.cause_event_id), False
    return (shown if active else alert), False


def _firing(alert: Alert, at_us: int) -> Alert:
    return replace(alert, phase=Phase.FIRING, starts_at_us=at_us, pending_since_us=0)


def _described(alert: Alert, rule: Rule, seen: Observation) -> Alert:
    fields = {**seen.fields, "value": word(alert.value)}
    annotations = {key: filled(template, fields) for key, template in rule.annotations.items()}
    annotations = {**seen.facts, **annotations}
    return replace(alert, annotations=annotations, cause_event_id=seen.event_id)


def filled(template: str, fields: Mapping[str, str]) -> str:
    """A template with its {field} placeholders filled; one that nothing fills stays as it is written."""
    parts = []
    for text, name, _, _ in string.Formatter().parse(template):
        parts.append(text)
        if name is not None:
            parts.append(fields.get(name, "{" + name + "}"))
    return "".join(parts)
