"""Rule: what to watch, when it is an alert, and whom to tell.

Rules come from the registry, which checked them; they are checked again here, because a rule that cannot run must be
named, not run half.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from weir.events import EVENT_TYPES, TOPICS

SOURCES = ("drift-signals", "evaluation-scores", "ops-signals")
"""Topics a rule may watch."""

SEVERITIES = ("page", "warn", "info")

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}

WINDOW_EVENTS_MAX = 1_000
"""Largest window of a condition, events. Chosen: one series is written whole after each batch."""

KEYS = {
    "source",
    "match",
    "condition",
    "for_s",
    "severity",
    "group_by",
    "labels",
    "annotations",
    "receivers",
    "description",
}


class InvalidRule(Exception):
    """A rule that cannot run; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison over the last events of a series.

    field: score, passed or statistic. aggregate: mean, fail_rate or count. window_events: events looked at, at most;
    events_min: events there must be before it says anything.
    """

    field: str
    aggregate: str
    op: str
    value: float
    window_events: int
    events_min: int

    def holds(self, aggregated: float) -> bool:
        """Whether an aggregated value is an alert."""
        return OPERATORS[self.op](aggregated, self.value)


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule. match: field to accepted values. for_us: how long it must hold, microseconds."""

    name: str
    digest: str
    source: str
    match: Mapping[str, tuple[str, ...]]
    condition: Condition | None
    for_us: int
    severity: str
    group_by: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    receivers: tuple[str, ...]


def rule_from(name: str, digest: str, body_json: str) -> Rule:
    """The rule in a registered specification. Raises InvalidRule."""
    spec = json.loads(body_json)
    try:
        _check(spec)
        return Rule(
            name=name,
            digest=digest,
            source=spec["source"],
            match={field: _words(accepted) for field, accepted in spec["match"].items()},
            condition=Condition(**spec["condition"]) if "condition" in spec else None,
            for_us=round(spec.get("for_s", 0) * 1_000_000),
            severity=spec["severity"],
            group_by=tuple(spec["group_by"]),
            labels={key: str(value) for key, value in spec.get("labels", {}).items()},
            annotations={key: str(value) for key, value in spec["annotations"].items()},
            receivers=tuple(dict.fromkeys(spec["receivers"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidRule(f"rule {name!r} ({digest}) cannot run: {error!r}") from error


def word(value: object) -> str:
    """A value of an event as rules and labels write it: true and false in lower case, numbers short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check(spec: Mapping[str, Any]) -> None:
    unknown = sorted(set(spec) - KEYS)
    if unknown:
        raise ValueError(f"unknown key {unknown[0]!r}; accepted keys: {', '.join(sorted(KEYS))}")
    if spec["source"] not in SOURCES:
        raise ValueError(f"source is {spec['source']!r}; expected one of: {', '.join(SOURCES)}")
    if spec["severity"] not in SEVERITIES:
        raise ValueError(f"severity is {spec['severity']!r}; expected one of: {', '.join(SEVERITIES)}")
    fields = EVENT_TYPES[TOPICS[spec["source"]].event].__dataclass_fields__
    for field in spec["match"]:
        if field not in fields:
            raise ValueError(f"match names {field!r}; fields of {spec['source']}: {', '.join(fields)}")
    if "condition" in spec:
        _check_condition(spec["condition"], fields)
    elif spec["source"] == "evaluation-scores":
        raise ValueError("a rule over evaluation-scores needs a condition")


def _check_condition(condition: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    if condition["field"] not in fields:
        raise ValueError(f"condition.field is {condition['field']!r}, which its events do not have")
    if condition["op"] not in OPERATORS or condition["aggregate"] not in ("mean", "fail_rate", "count"):
        raise ValueError(f"condition {condition['aggregate']!r} {condition['op']!r} is unknown")
    if not 1 <= condition["events_min"] <= condition["window_events"] <= WINDOW_EVENTS_MAX:
        raise ValueError(f"expected 1 <= events_min <= window_events <= {WINDOW_EVENTS_MAX}")


def _words(accepted: object) -> tuple[str, ...]:
    return tuple(word(one) for one in (accepted if isinstance(accepted, list) else [accepted]))
