"""Observation: what one event says about the alerts of one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir.alerts.core.drift_facts import drift_facts, list_fields
from weir.alerts.core.labels import identity_of
from weir.alerts.core.rule import Rule, word
from weir.events import DriftSignalled, EvaluationScored, OpsSignalled

FIELD_CHARS_MAX = 500
"""Characters of an event's field that an annotation repeats. Chosen."""

RAISING = ("fired", "skewed", "raised")
"""States of drift and ops signals that raise an alert."""

SPEAKING = (*RAISING, "cleared")
"""States that say something."""

Source = DriftSignalled | EvaluationScored | OpsSignalled
"""Events that rules watch."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact about one series.

    is_bad: for a rule without a condition, whether the event raises the alert (True) or ends it (False). sample: for a
    rule with a condition, the number that joins the window. fields: the event's values, for annotations. facts: what the
    alert says besides the annotations of its rule.
    """

    event_id: str
    event_time_us: int
    identity: Mapping[str, str]
    fields: Mapping[str, str]
    is_bad: bool
    sample: float
    value: float
    threshold: float
    facts: Mapping[str, str] = field(default_factory=dict)


def observe(rule: Rule, event: Source) -> Observation | None:
    """What an event says to a rule; None when it does not match, or says nothing.

    Signals speak by their state: fired, skewed or raised raises, cleared ends; the others say nothing. Scores speak
    through the rule's condition; those of anchors say nothing about the traffic and are passed over.
    """
    record = event.as_record()
    if any(word(record[name]) not in accepted for name, accepted in rule.match.items()):
        return None
    if not isinstance(event, EvaluationScored) and event.state not in SPEAKING:
        return None
    if isinstance(event, EvaluationScored) and event.anchor_id:
        return None
    sample = _sample(rule, event)
    if sample is None:
        return None
    return Observation(
        event_id=event.event_id,
        event_time_us=event.event_time_us,
        identity=identity_of(rule.source, record),
        fields=_fields(event),
        is_bad=not isinstance(event, EvaluationScored) and event.state in RAISING,
        sample=sample,
        value=_value(event),
        threshold=0.0 if isinstance(event, EvaluationScored) else event.threshold,
        facts=drift_facts(event) if isinstance(event, DriftSignalled) else {},
    )


PLAIN = (str, int, float, bool)
"""Types of the fields that annotations may name."""


def _value(event: Source) -> float:
    if isinstance(event, DriftSignalled):
        return event.statistic
    return event.score if isinstance(event, EvaluationScored) else event.value


def _fields(event: Source) -> dict[str, str]:
    plain = {key: word(value) for key, value in event.as_record().items() if isinstance(value, PLAIN)}
    listed = list_fields(event) if isinstance(event, DriftSignalled) else {}
    return {key: text[:FIELD_CHARS_MAX] for key, text in {**plain, **listed}.items()}


def _sample(rule: Rule, event: Source) -> float | None:
    if rule.condition is None:
        return 0.0
    value = getattr(event, rule.condition.field, None)
    if value is None:
        return None
    return float(not value) if rule.condition.field == "passed" else float(value)
