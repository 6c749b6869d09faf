"""Rule: what to watch, when it is an alert, whom to tell, and how often.

Rules come from the registry, which checked them; they are checked again here, because a rule that cannot run must be
named, not run half: whatever is in a specification, it is a rule whose every step is total, or InvalidRule.
"""

from __future__ import annotations

import json
import math
import operator
import string
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
"""Largest window of a condition, events: one series is written whole after each batch."""

FOR_S_MAX = 86_400.0
"""Longest pending time, seconds: a day."""

GROUP_S_MAX = 86_400.0
"""Longest group_wait_s and group_interval_s: a day; nobody wants to hear of a fire later."""

REPEAT_S_MIN, REPEAT_S_MAX = 1.0, 31 * 86_400.0
"""Shortest and longest repeat_interval_s: a second, so that a slip does not flood a receiver, and a month."""

INHIBITS_MAX = 20
"""Entries of `inhibits` in one rule; each is compared with every firing alert that is about to be told."""

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
    "group_wait_s",
    "group_interval_s",
    "repeat_interval_s",
    "inhibits",
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
class Inhibit:
    """While an alert of the rule fires, alerts whose labels are as in `target` (label to accepted values), and that have
    the same value as it for every label in `equal`, are not told."""

    target: Mapping[str, tuple[str, ...]]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One version of a rule.

    match: field to accepted values. for_us: how long it must hold, microseconds. group_wait_us, group_interval_us,
    repeat_interval_us: the waits of its groups, microseconds; None for those of the service.
    """

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
    group_wait_us: int | None = None
    group_interval_us: int | None = None
    repeat_interval_us: int | None = None
    inhibits: tuple[Inhibit, ...] = ()


def rule_from(name: str, digest: str, body_json: str) -> Rule:
    """The rule in a registered specification. Raises InvalidRule."""
    try:
        spec = json.loads(body_json)
        _check(spec)
        return Rule(
            name=name,
            digest=digest,
            source=spec["source"],
            match={field: _words(accepted) for field, accepted in spec["match"].items()},
            condition=Condition(**spec["condition"]) if "condition" in spec else None,
            for_us=_seconds_us(spec, "for_s", 0.0, FOR_S_MAX) or 0,
            severity=spec["severity"],
            group_by=_texts(spec, "group_by"),
            labels=_text_map(spec.get("labels", {}), "labels"),
            annotations=_templates(spec["annotations"]),
            receivers=tuple(dict.fromkeys(_texts(spec, "receivers"))),
            group_wait_us=_seconds_us(spec, "group_wait_s", 0.0, GROUP_S_MAX),
            group_interval_us=_seconds_us(spec, "group_interval_s", 0.0, GROUP_S_MAX),
            repeat_interval_us=_seconds_us(spec, "repeat_interval_s", REPEAT_S_MIN, REPEAT_S_MAX),
            inhibits=_inhibits(spec.get("inhibits", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise InvalidRule(f"rule {name!r} ({digest}) cannot run: {error!r}") from error


def word(value: object) -> str:
    """A value of an event as rules and labels write it: true and false in lower case, numbers short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check(spec: Mapping[str, Any]) -> None:
    json.dumps(
        spec, allow_nan=False, ensure_ascii=False
    ).encode()  # numbers and texts that no store can carry raise here
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
    if condition["field"] not in fields or condition["field"] not in ("score", "passed", "statistic"):
        raise ValueError(f"condition.field is {condition['field']!r}, which its events do not have")
    if condition["op"] not in OPERATORS or condition["aggregate"] not in ("mean", "fail_rate", "count"):
        raise ValueError(f"condition {condition['aggregate']!r} {condition['op']!r} is unknown")
    if not _is_number(condition["value"]):
        raise ValueError(f"condition.value is {condition['value']!r}; expected a number")
    if not all(type(condition[key]) is int for key in ("events_min", "window_events")):
        raise ValueError("condition.events_min and window_events must be whole numbers")
    if not 1 <= condition["events_min"] <= condition["window_events"] <= WINDOW_EVENTS_MAX:
        raise ValueError(f"expected 1 <= events_min <= window_events <= {WINDOW_EVENTS_MAX}")


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and abs(value) <= 1e18


def _seconds_us(spec: Mapping[str, Any], key: str, least_s: float, most_s: float) -> int | None:
    value = spec.get(key)
    if value is None:
        return None
    if not _is_number(value) or not least_s <= float(value) <= most_s:
        raise ValueError(f"{key} is {value!r}; expected {least_s:g} to {most_s:g} seconds")
    return round(float(value) * 1_000_000)


def _texts(spec: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = spec[key]
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key} is {value!r}; expected a list of texts")
    return tuple(value)


def _text_map(value: Mapping[str, object], key: str) -> dict[str, str]:
    if not all(isinstance(one, str | int | float) for one in value.values()):
        raise ValueError(f"{key} must map names to texts")
    return {name: str(one) for name, one in value.items()}


def _templates(value: Mapping[str, object]) -> dict[str, str]:
    templates = _text_map(value, "annotations")
    for template in templates.values():
        list(string.Formatter().parse(template))  # raises ValueError for braces that cannot be read
    return templates


def _inhibits(entries: Any) -> tuple[Inhibit, ...]:
    if not isinstance(entries, list) or len(entries) > INHIBITS_MAX:
        raise ValueError(f"inhibits must be a list of at most {INHIBITS_MAX} entries with target and equal")
    found = []
    for entry in entries:
        if set(entry) != {"target", "equal"} or not entry["target"]:
            raise ValueError(f"inhibits has {entry!r}; expected target (label to values, not empty) and equal (labels)")
        target = {name: _words(accepted) for name, accepted in entry["target"].items()}
        found.append(Inhibit(target, _texts(entry, "equal")))
    return tuple(found)


def _words(accepted: object) -> tuple[str, ...]:
    return tuple(word(one) for one in (accepted if isinstance(accepted, list) else [accepted]))
