"""Observation: what one event says about the alerts of one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weir.alerts.core.labels import IDENTITY
from weir.alerts.core.rule import Rule, word
from weir.events import DriftSignalled, EvaluationScored, OpsSignalled

FIELD_CHARS_MAX = 500
"""Characters of an event's field that an annotation repeats. Chosen."""

Source = DriftSignalled | EvaluationScored | OpsSignalled
"""Events that rules watch."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact about one series.

    is_bad: for a rule without a condition, whether the event raises the alert (True) or ends it (False). sample: for a
    rule with a condition, the number that joins the window. fields: the event's values, for annotations.
    """

    event_id: str
    event_time_us: int
    identity: Mapping[str, str]
    fields: Mapping[str, str]
    is_bad: bool
    sample: float
    value: float
    threshold: float


def observe(rule: Rule, event: Source) -> Observation | None:
    """What an event says to a rule; None when it does not match, or says nothing.

    Signals speak by their state: fired or raised raises, cleared ends; warming and monitoring say nothing. Scores speak
    through the rule's condition.
    """
    record = event.as_record()
    if any(word(record[field]) not in accepted for field, accepted in rule.match.items()):
        return None
    if not isinstance(event, EvaluationScored) and event.state not in SPEAKING:
        return None
    sample = _sample(rule, event)
    if sample is None:
        return None
    return Observation(
        event_id=event.event_id,
        event_time_us=event.event_time_us,
        identity={field: word(record[field]) for field in IDENTITY[rule.source]},
        fields={key: word(value)[:FIELD_CHARS_MAX] for key, value in record.items() if isinstance(value, PLAIN)},
        is_bad=not isinstance(event, EvaluationScored) and event.state in RAISING,
        sample=sample,
        value=_value(event),
        threshold=0.0 if isinstance(event, EvaluationScored) else event.threshold,
    )


PLAIN = (str, int, float, bool)
"""Types of the fields that annotations may name."""

RAISING = ("fired", "raised")
"""States of a drift signal and of an ops signal that raise an alert."""

SPEAKING = (*RAISING, "cleared")
"""States that say something."""


def _value(event: Source) -> float:
    if isinstance(event, DriftSignalled):
        return event.statistic
    return event.score if isinstance(event, EvaluationScored) else event.value


def _sample(rule: Rule, event: Source) -> float | None:
    if rule.condition is None:
        return 0.0
    value = getattr(event, rule.condition.field, None)
    if value is None:
        return None
    return float(not value) if rule.condition.field == "passed" else float(value)
