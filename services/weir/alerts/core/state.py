"""State: the phases of one alert, inactive -> pending -> firing -> resolved, as a step over observations and ticks.

The rule (K11): an alert is open as long as its condition holds, under the rule as it is now. An edited rule goes on with the same
alert; only a condition that no longer holds, or a rule that no longer watches it, ends it, and the end says why.

Time comes in twice: events carry when their fact happened, which dates the alert, and ticks carry the processing
clock, which lets a pending alert fire although nothing more is heard. A wait is counted from the earlier of the two, so
that neither an event from the future nor a clock that was ahead makes it longer than the rule says.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from weir.alerts.core.labels import fingerprint, labels_of
from weir.alerts.core.observation import Observation, transient
from weir.alerts.core.rule import Rule, word
from weir.assets.rule import Condition
from weir.events.trace_context import TraceContext, read_trace

FLOAT_MAX = 1.7976931348623157e308
"""Largest number of a float; a mean of numbers near it is kept at it rather than become infinite."""

FORMER_MAX = 5
"""Label sets that an alert had before, and that are kept; more edits of a label while one alert fires are a mistake."""

REASON = "resolved_because"
"""Annotation of an alert that ended for another reason than a signal or a score."""

BY_SAMPLES, BY_SIGNALS, BY_CALLS = "samples", "signals", "calls"
"""What a rule judges by: the last samples of its condition, the signals that stand, or the calls of a window."""

SALIENT = ("verdict", "level")
"""Fields whose change while an alert fires is notified: who changed, and how sure it is."""


class Phase(StrEnum):
    """The phase of an alert."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


ACTIVE = (Phase.PENDING, Phase.FIRING)


@dataclass(frozen=True, slots=True)
class Sample:
    """One event in the window of a condition. value: its score or statistic. failed: 1 for a failed one, 0 for a passed
    one. None where the event does not say."""

    event_id: str
    value: float | None = None
    failed: float | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert and all that its next step needs.

    key: name of the alert, from its rule's name and its identity; no edit of the rule changes it. identity: the series.
    fingerprint: hash of the labels it began with; it stays the same until the alert ends, so that receivers recognise it.
    Times are microseconds since 1970-01-01 UTC, 0 for never: pending_since_us by event time and seen_us by the
    processing clock, both of when the wait began; starts_at_us when it began to fire, ends_at_us when it was resolved,
    updated_us of its last event. cause_event_id: event of its last change of phase. window: samples of the condition,
    oldest first. turn: changes of phase so far. former: its labels before edits of the rule while it
    fired, newest last. watched: how the rule came to its judgement. fields, facts: what was last
    described. traceparent, tracestate: W3C context of what follows from its last change of phase; empty before the first.
    links: W3C contexts of calls that it names.
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
    key: str = ""
    identity: Mapping[str, str] = field(default_factory=dict)
    seen_us: int = 0
    turn: int = 0
    former: tuple[Mapping[str, str], ...] = ()
    watched: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    traceparent: str = ""
    tracestate: str = ""
    links: tuple[str, ...] = ()

    @property
    def trace(self) -> TraceContext | None:
        """The context, read; None where there is none."""
        return read_trace(self.traceparent, self.tracestate)


def new_alert(rule: Rule, identity: Mapping[str, str]) -> Alert:
    """An inactive alert of a rule over one series."""
    labels = labels_of(rule, identity)
    return Alert(
        fingerprint=fingerprint(labels),
        rule=rule.name,
        rule_digest=rule.digest,
        labels=labels,
        key=key_of(rule.name, identity),
        identity=dict(identity),
        watched=watched_by(rule),
    )


def key_of(rule: str, identity: Mapping[str, str]) -> str:
    """Name of the alert of a rule over one series, 16 hex digits."""
    return fingerprint({**identity, "alertname": rule})


def watched_by(rule: Rule) -> str:
    """How a rule comes to its judgement, as text to compare: from samples or from signals, and from which."""
    if rule.calls is not None:
        return f"{BY_CALLS} {rule.calls.measure}"
    return f"{BY_SAMPLES if rule.condition else BY_SIGNALS} {sorted(transient(rule).items())}"


def step(alert: Alert, rule: Rule, seen: Observation, at_us: int) -> tuple[Alert, bool]:
    """The alert after an observation, and whether its phase changed. at_us: the processing clock."""
    if any(sample.event_id == seen.event_id for sample in alert.window):
        return alert, False
    is_edited = alert.rule_digest != rule.digest
    updated_us = max(alert.updated_us, seen.event_time_us)
    alert = replace(alert, rule_digest=rule.digest, watched=watched_by(rule), updated_us=updated_us)
    if rule.condition is None:
        return _move(alert, rule, seen, at_us, is_edited=is_edited)
    window = (*alert.window, _sample(rule.condition, seen))[-rule.condition.window_events :]
    alert = replace(alert, window=window)
    value = value_of(rule.condition, window)
    if value is None:
        return alert, False
    threshold, is_bad = rule.condition.value, rule.condition.holds(value)
    seen = replace(seen, value=value, threshold=threshold, is_bad=is_bad)
    return _move(alert, rule, seen, at_us, is_edited=is_edited)


def tick(alert: Alert, rule: Rule, now_us: int) -> tuple[Alert, bool]:
    """The alert at a time of the processing clock, and whether it began to fire."""
    since_us = _since_us(alert)
    if alert.phase is Phase.PENDING and now_us - since_us >= rule.for_us:
        return _firing(alert, since_us + rule.for_us), True
    return alert, False


def apply_rule(alert: Alert, rule: Rule, at_us: int) -> tuple[Alert, bool]:
    """The alert under another version of its rule, with what is known; whether its phase changed.

    A rule that chooses its samples otherwise begins its window anew. While there are fewer than it asks for, nothing is
    known against the alert, and it stays.
    """
    is_other_kind = bool(alert.watched) and alert.watched.split()[0] != watched_by(rule).split()[0]
    if is_other_kind and alert.phase in ACTIVE:
        return end(alert, at_us, f"the edited rule {rule.name} judges by other facts"), True
    if rule.condition is None:
        return _describe_again(alert, rule), False
    window = alert.window if alert.watched == watched_by(rule) else ()
    alert = replace(alert, window=window[-rule.condition.window_events :], watched=watched_by(rule))
    value = value_of(rule.condition, alert.window)
    if value is None or alert.phase not in ACTIVE:
        return _describe_again(alert, rule), False
    alert = replace(alert, value=value, threshold=rule.condition.value)
    if rule.condition.holds(value):
        return _describe_again(alert, rule), False
    return end(alert, at_us, f"the condition does not hold under the edited rule {rule.name}"), True


def end(alert: Alert, at_us: int, reason: str) -> Alert:
    """An active alert ended from outside, because of its rule; one that never fired goes back to inactive."""
    if alert.phase is Phase.PENDING:
        return replace(alert, phase=Phase.INACTIVE, pending_since_us=0, seen_us=0)
    return replace(_resolve(alert, at_us), annotations={**alert.annotations, REASON: reason})


def rederive(alert: Alert, now_us: int) -> Alert:
    """The alert with the start of its wait no later than now: a clock that was ahead set it."""
    return replace(alert, seen_us=now_us) if alert.seen_us > now_us else alert


def value_of(condition: Condition, window: tuple[Sample, ...]) -> float | None:
    """The value a condition compares: mean of the samples, share of failed ones, or count of those above 0. None where
    there are too few."""
    values = [value for sample in window if (value := _number(condition, sample)) is not None]
    if len(values) < condition.events_min:
        return None
    if condition.aggregate == "count":
        return float(sum(value > 0 for value in values))
    mean = sum(value / len(values) for value in values)
    return min(max(mean, -FLOAT_MAX), FLOAT_MAX)


def _move(alert: Alert, rule: Rule, seen: Observation, at_us: int, *, is_edited: bool) -> tuple[Alert, bool]:
    shown = replace(alert, value=seen.value, threshold=seen.threshold)
    active = alert.phase in ACTIVE
    if seen.is_bad and not active:
        return _raise(shown, rule, seen, at_us)
    if not active:
        return alert, False
    if seen.is_bad and alert.phase is Phase.PENDING and _waited_us(alert, seen, at_us) >= rule.for_us:
        return _firing(_describe(shown, rule, seen), seen.event_time_us), True
    if seen.is_bad:
        # An alarm on scores is notified again once it is known whether only the judge changed.
        is_news = is_edited or bool(seen.fields.get("verdict")) or _salient(seen.fields) != _salient(alert.fields)
        described = _describe(shown, rule, seen) if is_news else shown
        return replace(described, cause_event_id=alert.cause_event_id), False
    if alert.phase is Phase.PENDING:
        passed = replace(shown, phase=Phase.INACTIVE, pending_since_us=0, seen_us=0, cause_event_id=seen.event_id)
        return passed, True
    return replace(_resolve(shown, seen.event_time_us), cause_event_id=seen.event_id), True


def _raise(alert: Alert, rule: Rule, seen: Observation, at_us: int) -> tuple[Alert, bool]:
    raised = replace(_describe(alert, rule, seen), pending_since_us=seen.event_time_us, seen_us=at_us, ends_at_us=0)
    raised = replace(raised, fingerprint=fingerprint(raised.labels), former=())
    if rule.for_us:
        return replace(raised, phase=Phase.PENDING, starts_at_us=0), True
    return _firing(raised, seen.event_time_us), True


def _since_us(alert: Alert) -> int:
    return min(alert.pending_since_us, alert.seen_us or alert.pending_since_us)


def _waited_us(alert: Alert, seen: Observation, at_us: int) -> int:
    return min(seen.event_time_us, at_us) - _since_us(alert)


def _firing(alert: Alert, at_us: int) -> Alert:
    return replace(alert, phase=Phase.FIRING, starts_at_us=at_us, pending_since_us=0, seen_us=0)


def _resolve(alert: Alert, at_us: int) -> Alert:
    end_us = max(at_us, alert.starts_at_us)
    return replace(alert, phase=Phase.RESOLVED, ends_at_us=end_us, pending_since_us=0, seen_us=0)


def _describe(alert: Alert, rule: Rule, seen: Observation) -> Alert:
    seen_alert = replace(alert, fields=seen.fields, facts=seen.facts, links=seen.links, cause_event_id=seen.event_id)
    return _describe_again(seen_alert, rule)


def _describe_again(alert: Alert, rule: Rule) -> Alert:
    fields = {**alert.fields, "value": word(alert.value)}
    annotations = {key: fill(template, fields) for key, template in rule.annotations.items()}
    labels = labels_of(rule, alert.identity) if alert.identity else alert.labels
    if alert.phase is Phase.FIRING and labels != alert.labels:
        kept = [one for one in (*alert.former, alert.labels) if one != labels]
        alert = replace(alert, former=tuple(kept[-FORMER_MAX:]))
    return replace(alert, labels=labels, annotations={**alert.facts, **annotations}, rule_digest=rule.digest)


def _salient(fields: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(fields.get(name, "") for name in SALIENT)


def _sample(condition: Condition, seen: Observation) -> Sample:
    if condition.field == "passed":
        return Sample(seen.event_id, seen.value, seen.sample)
    return Sample(seen.event_id, seen.sample, seen.failed)


def _number(condition: Condition, sample: Sample) -> float | None:
    return sample.failed if condition.field == "passed" else sample.value


def fill(template: str, fields: Mapping[str, str]) -> str:
    """A template with its {field} placeholders filled; one that nothing fills stays as it is written."""
    parts = []
    for text, name, _, _ in string.Formatter().parse(template):
        parts.append(text)
        if name is not None:
            parts.append(fields.get(name, "{" + name + "}"))
    return "".join(parts)
