"""Observation: what one event says about the alerts of one rule.

A signal speaks of a condition that lasts: it raises it, or ends it. Which condition that is, its stable fields say: those
of its identity, and its channel (a drift alarm has a level, and each level is raised and cleared by itself). The other
fields may differ between the signal that raises and the one that ends; so a rule that matches on them (a verdict, a
part) hears the end whatever that signal carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir.alerts.core.drift_facts import drift_facts, list_fields
from weir.alerts.core.labels import identity_of
from weir.alerts.core.rule import Rule, word
from weir.assets.rule import IDENTITY
from weir.events import DriftSignalled, EvaluationScored, OpsSignalled

FIELD_CHARS_MAX = 500
"""Characters of an event's field that an annotation repeats: a paragraph."""

RAISING = ("fired", "skewed", "raised")
"""States of drift and ops signals that raise an alert."""

CLEARED = "cleared"
"""State that ends one."""

SPEAKING = (*RAISING, CLEARED)
"""States that say something."""

SEPARATOR = "\x1f"
"""Between the parts of a series' name: ASCII's unit separator, which no route or version holds."""

Signal = DriftSignalled | OpsSignalled
Source = Signal | EvaluationScored


@dataclass(frozen=True, slots=True)
class Observation:
    """A fact about one series.

    is_bad: for a rule without a condition, whether the event raises the alert (True) or ends it (False). sample: for a
    rule with a condition, the number that joins the window. failed: 1 for a score that failed, 0 for one that passed, None
    where the event does not say. fields: the event's values, for annotations. facts: what the
    alert says besides the annotations of its rule. links: W3C contexts of calls that it names.
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
    failed: float | None = None
    links: tuple[str, ...] = ()


def observe(rule: Rule, event: Source) -> Observation | None:
    """What an event says to a rule; None when it says nothing to it.

    Signals speak by their state: fired, skewed or raised raises, cleared ends; the others say nothing. A signal that
    raises the condition with other than the rule's values says that what the rule asks for is not the case. Scores speak
    through the rule's condition; those of anchors say nothing about the traffic and are passed over.
    """
    record = event.as_record()
    if not covers(rule, record) or not _speaks(event):
        return None
    is_matched = all(word(record[name]) in accepted for name, accepted in rule.match.items())
    is_end = not isinstance(event, EvaluationScored) and event.state == CLEARED
    if rule.condition is not None and not is_matched and not is_end:
        return None
    sample = _sample(rule, event)
    if sample is None:
        return None
    return Observation(
        event_id=event.event_id,
        event_time_us=event.event_time_us,
        identity=identity_of(rule.source, record),
        fields=_fields(event),
        is_bad=not isinstance(event, EvaluationScored) and event.state in RAISING and is_matched,
        sample=sample,
        value=_value(event),
        threshold=0.0 if isinstance(event, EvaluationScored) else event.threshold,
        facts=drift_facts(event) if isinstance(event, DriftSignalled) else {},
        failed=_failed(event),
    )


def covers(rule: Rule, record: Mapping[str, object]) -> bool:
    """Whether a rule watches the condition that an event is about: its stable fields match. A signal without a level that
    ends something ends it at every level."""
    known = identity_of(rule.source, record)
    if "level" in record and (record["level"] or record["state"] != CLEARED):
        known["level"] = str(record["level"])
    return _accepts(rule, known)


def covers_series(rule: Rule, identity: Mapping[str, str]) -> bool:
    """Whether a rule watches the series of an identity at all."""
    if rule.calls is not None:
        return set(identity) == set(rule.identity) and _accepts(rule, identity)
    needed = {name for name in IDENTITY[rule.source] if name != "part"}
    return needed <= set(identity) and set(identity) <= set(IDENTITY[rule.source]) and _accepts(rule, identity)


def _accepts(rule: Rule, known: Mapping[str, str]) -> bool:
    return all(known[name] in accepted for name, accepted in rule.match.items() if name in known)


def series_of(topic: str, event: Signal) -> str:
    """Name of the series whose condition a signal is about."""
    return series_named(topic, identity_of(topic, event.as_record()))


def series_named(topic: str, identity: Mapping[str, str]) -> str:
    """Name of the series of an identity on a topic."""
    return SEPARATOR.join([topic, *(f"{name}={identity[name]}" for name in sorted(identity))])


def topic_of(series: str) -> str:
    """Topic of a series, from its name."""
    return series.split(SEPARATOR, 1)[0]


def shown(series: str) -> str:
    """Name of a series for people."""
    return series.replace(SEPARATOR, " ")


def channel_of(event: Signal) -> str:
    """Channel of a series that a signal raises or clears; empty where there is one."""
    return event.level if isinstance(event, DriftSignalled) else ""


def transient(rule: Rule) -> dict[str, tuple[str, ...]]:
    """The part of a rule's match that speaks of fields which differ from event to event of one series."""
    return {
        name: accepted for name, accepted in rule.match.items() if name == "part" or name not in IDENTITY[rule.source]
    }


PLAIN = (str, int, float, bool)
"""Types of the fields that annotations may name."""


def _speaks(event: Source) -> bool:
    return not event.anchor_id if isinstance(event, EvaluationScored) else event.state in SPEAKING


def _value(event: Source) -> float:
    if isinstance(event, DriftSignalled):
        return event.statistic
    return event.score if isinstance(event, EvaluationScored) else event.value


def _failed(event: Source) -> float | None:
    return float(not event.passed) if isinstance(event, EvaluationScored) and event.passed is not None else None


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
