"""Observation: what one event says about the alerts of one rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weir.alerts.core.labels import identity_of
from weir.alerts.core.rule import Rule, word
from weir.events import DriftSignalled, EvaluationScored

FIELD_CHARS_MAX = 500
"""Characters of an event's field that an annotation repeats. Chosen."""

Source = DriftSignalled | EvaluationScored
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

    Drift signals speak by their state: fired raises, cleared ends; warming and monitoring say nothing. Scores speak
    through the rule's condition; those of anchors say nothing about the traffic and are passed over.
    """
    record = event.as_record()
    if any(word(record[field]) not in accepted for field, accepted in rule.match.items()):
        return None
    if isinstance(event, DriftSignalled) and event.state not in ("fired", "cleared"):
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
        fields={key: word(value)[:FIELD_CHARS_MAX] for key, value in record.items() if isinstance(value, PLAIN)},
        is_bad=isinstance(event, DriftSignalled) and event.state == "fired",
        sample=sample,
        value=event.statistic if isinstance(event, DriftSignalled) else event.score,
        threshold=event.threshold if isinstance(event, DriftSignalled) else 0.0,
    )


PLAIN = (str, int, float, bool)
"""Types of the fields that annotations may name."""


def _sample(rule: Rule, event: Source) -> float | None:
    if rule.condition is None:
        return 0.0
    value = getattr(event, rule.condition.field, None)
    if value is None:
        return None
    return float(not value) if rule.condition.field == "passed" else float(value)
