"""Rule: what to watch, when it is an alert, whom to tell, and how often, as the service works with it.

Rules come from the registry, which checked them; they are checked again here, because a rule that cannot run must be
named, not run half: whatever is in a specification, it is a rule whose every step is total, or InvalidRule.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from weir.assets.call_condition import CallCondition
from weir.assets.rule import Condition, read_rule
from weir.assets.shapes import InvalidAsset


class InvalidRule(Exception):
    """A rule that cannot run; the text names it and says why."""


@dataclass(frozen=True, slots=True)
class Inhibit:
    """While an alert of the rule fires, alerts whose labels are as in `target` (label to accepted values), and that have
    the same value as it for every label in `equal`, are not notified."""

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
    calls: CallCondition | None = None
    identity: tuple[str, ...] = ()
    """Labels of its alerts that come from events."""

    def unknown_receivers(self, known: Collection[str]) -> tuple[str, ...]:
        """Those of its receivers that are not known: nothing can be sent to them."""
        return tuple(one for one in self.receivers if one not in known)


def rule_from(name: str, digest: str, body_json: str) -> Rule:
    """The rule in a registered specification. Raises InvalidRule."""
    try:
        spec = read_rule(body_json)
    except InvalidAsset as error:
        raise InvalidRule(f"rule {name!r} ({digest}) cannot run: {error}") from error
    return Rule(
        name=name,
        digest=digest,
        source=spec.source,
        match=_accepted(spec.match),
        condition=spec.condition,
        for_us=_us(spec.for_s) or 0,
        severity=spec.severity,
        group_by=spec.group_by,
        labels=spec.labels or {},
        annotations=spec.annotations,
        receivers=tuple(dict.fromkeys(spec.receivers)),
        group_wait_us=_us(spec.group_wait_s),
        group_interval_us=_us(spec.group_interval_s),
        repeat_interval_us=_us(spec.repeat_interval_s),
        calls=spec.calls,
        identity=spec.identity,
        inhibits=tuple(Inhibit(_accepted(entry.target), entry.equal) for entry in spec.inhibits or ()),
    )


def word(value: object) -> str:
    """A value of an event as rules and labels write it: true and false in lower case, numbers short."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _accepted(values: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    """Accepted values by field, as words."""
    return {
        field: tuple(word(one) for one in (accepted if isinstance(accepted, list) else [accepted]))
        for field, accepted in values.items()
    }


def _us(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1_000_000)
