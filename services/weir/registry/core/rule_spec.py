"""Rule specs: the shape of an alert rule, and the fields of the event that it may speak about.

The alerts service runs rules; the registry refuses those that could never run: an unknown field, a placeholder that
nothing fills, a condition over a source that has none.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weir.assets.rule_labels import fixed_labels
from weir.events import EVENT_TYPES, TOPICS
from weir.registry.core.checks import (
    Finding,
    Key,
    either,
    list_of,
    mapping_of,
    name,
    number,
    one_of,
    shape,
    shown,
    text,
)

SOURCES = ("drift-signals", "evaluation-scores", "ops-signals")
"""Topics a rule may watch."""

WINDOW_EVENTS_MAX = 1_000
"""Largest window of a condition, events. Chosen: one series is written whole after each batch."""

FOR_S_MAX = 86_400.0
"""Longest pending time, seconds. Chosen: a day."""

GROUP_S_MAX = 86_400.0
"""Longest group_wait_s and group_interval_s: a day; nobody wants to hear of a fire later."""

REPEAT_S_MIN, REPEAT_S_MAX = 1.0, 31 * 86_400.0
"""Shortest and longest repeat_interval_s: a second, so that a slip does not flood a receiver, and a month."""

INHIBITS_MAX = 20
"""Entries of `inhibits` in one rule; alerts compares each with every firing alert that is about to be told."""

SCALAR = either("text or a number", text, number(-1e18, 1e18))

CONDITION = shape(
    {
        "field": Key(one_of("score", "passed", "statistic"), is_required=True),
        "aggregate": Key(one_of("mean", "fail_rate", "count"), is_required=True),
        "op": Key(one_of("<", "<=", ">", ">="), is_required=True),
        "value": Key(number(-1e18, 1e18), is_required=True),
        "window_events": Key(number(1, WINDOW_EVENTS_MAX, whole=True), is_required=True),
        "events_min": Key(number(1, WINDOW_EVENTS_MAX, whole=True), is_required=True),
    }
)

INHIBIT = shape(
    {
        "target": Key(mapping_of(either("a value or a list of values", SCALAR, list_of(SCALAR))), is_required=True),
        "equal": Key(list_of(name), is_required=True),
    }
)

RULE = shape(
    {
        "source": Key(one_of(*SOURCES), is_required=True),
        "match": Key(mapping_of(either("a value or a list of values", SCALAR, list_of(SCALAR))), is_required=True),
        "condition": Key(CONDITION),
        "for_s": Key(number(0, FOR_S_MAX)),
        "severity": Key(one_of("page", "warn", "info"), is_required=True),
        "group_by": Key(list_of(name), is_required=True),
        "labels": Key(mapping_of(text)),
        "annotations": Key(mapping_of(text), is_required=True),
        "receivers": Key(list_of(name), is_required=True),
        "description": Key(text),
        "group_wait_s": Key(number(0, GROUP_S_MAX)),
        "group_interval_s": Key(number(0, GROUP_S_MAX)),
        "repeat_interval_s": Key(number(REPEAT_S_MIN, REPEAT_S_MAX)),
        "inhibits": Key(list_of(INHIBIT)),
    }
)


def rule_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """What is wrong with a rule whose shape is right."""
    fields = EVENT_TYPES[TOPICS[spec["source"]].event].__dataclass_fields__
    for field in spec["match"]:
        if field not in fields:
            yield "spec.match", f"names the unknown field {field!r}; fields of {spec['source']}: {', '.join(fields)}"
    if "condition" in spec:
        yield from _condition_findings(spec["source"], spec["condition"], fields)
    elif spec["source"] == "evaluation-scores":
        yield "spec", "lacks the key 'condition'; a rule over evaluation-scores needs one"
    yield from _inhibit_findings(spec.get("inhibits", []))
    yield from _label_findings(spec)
    if "summary" not in spec["annotations"]:
        yield "spec.annotations", "lacks the key 'summary'"
    for key, template in spec["annotations"].items():
        yield from _placeholder_findings(f"spec.annotations.{key}", template, {*fields, "value"})


def _label_findings(spec: Mapping[str, Any]) -> Iterator[Finding]:
    """Labels that would be replaced, and groups by labels that no alert has: both would be dropped without a word."""
    fixed, own = fixed_labels(spec["source"]), spec.get("labels", {})
    for label in own:
        if label in fixed:
            yield f"spec.labels.{label}", f"is set by the alert itself; choose another name than {', '.join(fixed)}"
    for label in spec["group_by"]:
        if label not in fixed and label not in own:
            known = ", ".join((*fixed, *own))
            yield "spec.group_by", f"names the label {label!r}, which its alerts do not have; labels: {known}"


def _condition_findings(source: str, condition: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[Finding]:
    field, aggregate = condition["field"], condition["aggregate"]
    if field not in fields:
        yield "spec.condition.field", f"is {field!r}, which events of {source} do not have"
    if (aggregate == "fail_rate") != (field == "passed") and aggregate != "count":
        yield (
            "spec.condition.aggregate",
            f"is {aggregate!r} of {field!r}; fail_rate goes with passed, mean with a number",
        )
    if condition["events_min"] > condition["window_events"]:
        yield "spec.condition.events_min", f"is {condition['events_min']}, above window_events; the rule never fires"


def _inhibit_findings(entries: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    if len(entries) > INHIBITS_MAX:
        yield "spec.inhibits", f"has {len(entries)} entries; at most {INHIBITS_MAX} are taken"
    for index, entry in enumerate(entries):
        if not entry["target"]:
            yield (
                f"spec.inhibits[{index}].target",
                "is empty and would silence every other alert; name at least one label",
            )


def _placeholder_findings(path: str, template: str, known: set[str]) -> Iterator[Finding]:
    try:
        parts = list(string.Formatter().parse(template))
    except ValueError as error:
        yield path, f"is {shown(template)}, whose braces cannot be read ({error}); expected {{field}} placeholders"
        return
    for _, placeholder, form, conversion in parts:
        if placeholder is not None and (placeholder not in known or form or conversion):
            yield path, f"has the placeholder {{{placeholder}}}; accepted: {', '.join(sorted(known))}, without a format"
