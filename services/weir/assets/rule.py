"""A rule: what to watch, when it is an alert, whom to tell, and how often.

The alerts service runs rules; the registry refuses those that could never run: an unknown field, a placeholder that
nothing fills, a condition over a source that has none.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from weir.assets import call_condition
from weir.assets.call_condition import CallCondition
from weir.assets.checks import Finding, Name, Text, either, list_of, number, one_of, shown, text
from weir.assets.comparison import OPERATORS
from weir.assets.shapes import Asset, InvalidAsset, json_of, shaped
from weir.events import EVENT_TYPES, TOPICS

IDENTITY: Mapping[str, tuple[str, ...]] = {
    "drift-signals": ("tenant", "route", "detector", "part"),
    "evaluation-scores": ("tenant", "route", "evaluator"),
    "ops-signals": ("name", "subject"),
    call_condition.SOURCE: call_condition.BY,
}
"""Topics that a rule may watch -> fields of an event that tell one series of the topic from another; each is a label of its
alert. Of a rule over calls only those that `calls.by` names."""

CALL_WORDS = ("value", "threshold", "measure", "calls", "window", "request_id", "request_ids")
"""What an annotation of a rule over calls may name, besides the fields in `calls.by`."""

OF_RULE = ("alertname", "severity")
"""Labels that every alert has from its rule."""

SEVERITIES = ("page", "warn", "info")

WINDOW_EVENTS_MAX = 1_000
"""Largest window of a condition, events. One series is written whole after each batch."""

FOR_S_MAX = 86_400.0
"""Longest pending time, seconds. A day."""

GROUP_S_MAX = 86_400.0
"""Longest group_wait_s and group_interval_s: a day; nobody wants to hear of a fire later."""

REPEAT_S_MIN, REPEAT_S_MAX = 1.0, 31 * 86_400.0
"""Shortest and longest repeat_interval_s: a second, so that a slip does not flood a receiver, and a month."""

INHIBITS_MAX = 20
"""Entries of `inhibits` in one rule; alerts compares each with every firing alert that is about to be notified."""

VALUE_MAX = 1e18
"""Largest number of a rule: every event's number is far below, and a 64-bit whole number is near."""

SCALAR = either("text or a number", text, number(-VALUE_MAX, VALUE_MAX))
Accepted = Annotated[Any, either("a value or a list of values", SCALAR, list_of(SCALAR))]
"""A value of a field, or some of them."""

Seconds = Annotated[float, number(0, GROUP_S_MAX)]
WindowEvents = Annotated[int, number(1, WINDOW_EVENTS_MAX, whole=True)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A comparison over the last events of a series.

    window_events: events looked at, at most. events_min: events there must be before it says anything.
    """

    field: Annotated[str, one_of("score", "passed", "statistic")]
    aggregate: Annotated[str, one_of("mean", "fail_rate", "count")]
    op: Annotated[str, one_of(*OPERATORS)]
    value: Annotated[float, number(-VALUE_MAX, VALUE_MAX)]
    window_events: WindowEvents
    events_min: WindowEvents

    def holds(self, aggregated: float) -> bool:
        """Whether an aggregated value is an alert."""
        return OPERATORS[self.op](aggregated, self.value)

    def findings(self, source: str) -> Iterator[Finding]:
        """What cannot be asked of the events of a source."""
        if self.field not in fields_of(source):
            yield "spec.condition.field", f"is {self.field!r}, which events of {source} do not have"
        if (self.aggregate == "fail_rate") != (self.field == "passed") and self.aggregate != "count":
            yield (
                "spec.condition.aggregate",
                f"is {self.aggregate!r} of {self.field!r}; fail_rate goes with passed, mean with a number",
            )
        if self.events_min > self.window_events:
            yield "spec.condition.events_min", f"is {self.events_min}, above window_events; the rule never fires"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibit:
    """While an alert of the rule fires, alerts whose labels are as in `target`, and that have the same value as it for every
    label in `equal`, are not notified."""

    target: Mapping[str, Accepted]
    equal: tuple[Name, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Asset):
    """A rule over one topic. match: field to accepted values. for_s: how long it must hold, seconds.

    group_wait_s, group_interval_s, repeat_interval_s: the waits of its groups, seconds; those of the service when not set.
    """

    KIND = "rule"

    source: Annotated[str, one_of(*IDENTITY)]
    match: Mapping[str, Accepted]
    condition: Condition | None = None
    calls: CallCondition | None = None
    for_s: Annotated[float, number(0, FOR_S_MAX)] | None = None
    severity: Annotated[str, one_of(*SEVERITIES)]
    group_by: tuple[Name, ...]
    labels: Mapping[str, Text] | None = None
    annotations: Mapping[str, Text]
    receivers: tuple[Name, ...]
    description: Text | None = None
    group_wait_s: Seconds | None = None
    group_interval_s: Seconds | None = None
    repeat_interval_s: Annotated[float, number(REPEAT_S_MIN, REPEAT_S_MAX)] | None = None
    inhibits: tuple[Inhibit, ...] | None = None

    def findings(self) -> Iterator[Finding]:
        """What of it could not run, or would be dropped without a word."""
        found = list(self.run_findings())
        yield from found
        yield from self._label_findings()
        if not found:
            yield from self._annotation_findings()

    def run_findings(self) -> Iterator[Finding]:
        """What of it could not run."""
        yield from self._calls_findings() if self.source == call_condition.SOURCE else self._event_findings()
        yield from self._inhibit_findings()
        for key, template in self.annotations.items():
            try:
                placeholders(template)
            except ValueError as error:
                yield (
                    f"spec.annotations.{key}",
                    f"is {shown(template)}, whose braces cannot be read ({error}); expected {{field}} placeholders",
                )

    @property
    def identity(self) -> tuple[str, ...]:
        """The labels of its alerts that come from events."""
        return IDENTITY[self.source] if self.calls is None else self.calls.by

    def _event_findings(self) -> Iterator[Finding]:
        fields = fields_of(self.source)
        for field in self.match:
            if field not in fields:
                known = f"fields of {self.source}: {', '.join(fields)}"
                yield "spec.match", f"names the unknown field {field!r}; {known}"
        if self.calls is not None:
            yield "spec.calls", f"goes with source {call_condition.SOURCE!r}; source is {self.source!r}"
        if self.condition is not None:
            yield from self.condition.findings(self.source)
        elif self.source == "evaluation-scores":
            yield "spec", "lacks the key 'condition'; a rule over evaluation-scores needs one"

    def _calls_findings(self) -> Iterator[Finding]:
        if self.condition is not None:
            yield "spec.condition", f"does not go with source {self.source!r}; write 'calls'"
        if self.calls is None:
            yield "spec", f"lacks the key 'calls'; a rule over {self.source} needs it"
        else:
            yield from self.calls.findings(self.match)

    def _label_findings(self) -> Iterator[Finding]:
        """Labels that would be replaced, and groups by labels that no alert has."""
        fixed, own = (*self.identity, *OF_RULE), self.labels or {}
        for label in own:
            if label in fixed:
                yield f"spec.labels.{label}", f"is set by the alert itself; choose another name than {', '.join(fixed)}"
        for label in self.group_by:
            if label not in fixed and label not in own:
                known = ", ".join((*fixed, *own))
                yield "spec.group_by", f"names the label {label!r}, which its alerts do not have; labels: {known}"

    def _annotation_findings(self) -> Iterator[Finding]:
        """Placeholders that nothing fills, and an alert without a summary."""
        if "summary" not in self.annotations:
            yield "spec.annotations", "lacks the key 'summary'"
        known = {*fields_of(self.source), "value"} if self.calls is None else {*self.identity, *CALL_WORDS}
        for key, template in self.annotations.items():
            for name, form, conversion in placeholders(template):
                if name not in known or form or conversion:
                    accepted = f"accepted: {', '.join(sorted(known))}, without a format"
                    yield f"spec.annotations.{key}", f"has the placeholder {{{name}}}; {accepted}"

    def _inhibit_findings(self) -> Iterator[Finding]:
        entries = self.inhibits or ()
        if len(entries) > INHIBITS_MAX:
            yield "spec.inhibits", f"has {len(entries)} entries; at most {INHIBITS_MAX} are taken"
        for index, entry in enumerate(entries):
            if not entry.target:
                yield (
                    f"spec.inhibits[{index}].target",
                    "is empty and would silence every other alert; name at least one label",
                )


def read_rule(body_json: str) -> Rule:
    """The rule in a published body, also of a time when labels were not judged. Raises InvalidAsset for one that cannot run."""
    rule = shaped(Rule, json_of(body_json))
    if found := list(rule.run_findings()):
        raise InvalidAsset(found)
    return rule


def fields_of(source: str) -> tuple[str, ...]:
    """The fields of a topic's events."""
    return tuple(EVENT_TYPES[TOPICS[source].event].__dataclass_fields__)


def placeholders(template: str) -> list[tuple[str, str | None, str | None]]:
    """Name, format and conversion of each `{name}` in an annotation. Raises ValueError for braces that cannot be read."""
    parts = string.Formatter().parse(template)
    return [(name, form, conversion) for _, name, form, conversion in parts if name is not None]
