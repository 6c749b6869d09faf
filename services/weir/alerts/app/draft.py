"""Draft: what one batch or tick changes, laid over memory, before it is written in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from weir.alerts.adapters.metrics import TRANSITIONS
from weir.alerts.adapters.state_store import GroupKey, Numbers, Progress
from weir.alerts.app.call_memory import CallDraft
from weir.alerts.app.memory import Memory
from weir.alerts.core.alert_trace import trace_change
from weir.alerts.core.grouping import Group, Notification
from weir.alerts.core.observation import Signal
from weir.alerts.core.repair import repair_times
from weir.alerts.core.state import Alert, Phase
from weir.events import AlertChanged, named_id
from weir.events.log import TopicPartition
from weir.events.trace_context import TraceContext
from weir.runtime.kafka.handling import Received
from weir.runtime.telemetry.logs import logger


@dataclass(frozen=True, slots=True)
class Step:
    """A change of phase: the context it was made under, the alert after it, its event, and the message in flight, if any."""

    parent: TraceContext
    alert: Alert
    event: AlertChanged
    hand: Received | None


@dataclass(slots=True)
class Draft:
    """Changed alerts and groups (None: taken away), series whose signals changed, new events and notifications, how far
    partitions were read, and given-up deliveries whose word is in its group again."""

    memory: Memory
    numbers: Numbers
    alerts: dict[str, Alert | None] = field(default_factory=dict)
    groups: dict[GroupKey, Group | None] = field(default_factory=dict)
    standing: dict[str, Mapping[str, Signal]] = field(default_factory=dict)
    changes: list[AlertChanged] = field(default_factory=list)
    notifications: list[tuple[Notification, str]] = field(default_factory=list)
    """Each with the reason for which it cannot be sent, empty for none."""
    progress: dict[TopicPartition, Progress] = field(default_factory=dict)
    taken_back: list[str] = field(default_factory=list)
    hand: Received | None = None
    """The message in flight; None while time passes."""
    steps: list[Step] = field(default_factory=list)
    """What gave each of `changes`."""
    calls: CallDraft = field(init=False)
    _parent: TraceContext | None = None

    def __post_init__(self) -> None:
        self.calls = CallDraft(self.memory.calls, self.memory.calls.clock)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        changed = (self.alerts, self.groups, self.standing, self.changes, self.notifications, self.progress)
        return not any(changed) and not self.taken_back and self.calls.is_empty

    def alert(self, key: str) -> Alert | None:
        """An alert as this draft has it."""
        return self.alerts[key] if key in self.alerts else self.memory.alerts.get(key)

    def all_alerts(self) -> list[Alert]:
        """Every alert as this draft has it."""
        return [alert for key in {**self.memory.alerts, **self.alerts} if (alert := self.alert(key)) is not None]

    def group(self, key: GroupKey) -> Group | None:
        """A group as this draft has it."""
        return self.groups[key] if key in self.groups else self.memory.groups.get(key)

    def all_groups(self) -> dict[GroupKey, Group]:
        """Every group as this draft has it."""
        keys = {**self.memory.groups, **self.groups}
        return {key: group for key in keys if (group := self.group(key)) is not None}

    def channels(self, series: str) -> Mapping[str, Signal]:
        """The signals of a series that stand, as this draft has them."""
        return self.standing[series] if series in self.standing else self.memory.standing.get(series, {})

    def all_series(self) -> list[str]:
        """Every series with a signal that stands."""
        return [series for series in {**self.memory.standing, **self.standing} if self.channels(series)]

    @property
    def alert_count(self) -> int:
        """Alerts kept, with those that this draft takes away."""
        return len(self.memory.alerts.keys() | self.alerts.keys())

    @property
    def series_count(self) -> int:
        """Series with a signal that stands, with those that this draft ends."""
        return len(self.memory.standing.keys() | self.standing.keys())

    def trace(self, alert: Alert) -> Alert:
        """An alert whose phase changes, with the trace that this belongs to."""
        after, self._parent = trace_change(alert, self.hand.trace if self.hand else None)
        return after

    def note(self, alert: Alert, severity: str, group_key: str, at_us: int) -> None:
        """Record that the phase of an alert changed. `trace` was asked about it before."""
        parent_span_id = self._parent.parent_span_id if self._parent else ""
        made = change_event(alert, severity=severity, group_key=group_key, at_us=at_us, parent_span_id=parent_span_id)
        event = self.numbers.number(made, len(self.changes))
        self.changes.append(event)
        if self._parent is not None:
            self.steps.append(Step(self._parent, alert, event, self.hand))
        TRANSITIONS.labels(alert.rule, alert.phase.value).inc()
        logger().info("alert_changed", rule=alert.rule, fingerprint=alert.fingerprint, phase=alert.phase.value)


def change_event(
    alert: Alert,
    *,
    severity: str,
    group_key: str,
    at_us: int,
    parent_span_id: str = "",
) -> AlertChanged:
    """The event of a change of phase. Its id is derived, so a replay writes the same event. at_us: taken for a time that no
    event can carry. parent_span_id: span of the cause."""
    times = {
        Phase.PENDING: alert.pending_since_us,
        Phase.FIRING: alert.starts_at_us,
        Phase.RESOLVED: alert.ends_at_us,
        Phase.INACTIVE: alert.updated_us,
    }
    plain = {"time_us": times[alert.phase], "starts_at_us": alert.starts_at_us, "ends_at_us": alert.ends_at_us}
    fixed, trace = repair_times(plain, at_us), alert.trace
    role = f"alert {alert.key} {alert.turn} {alert.phase} {alert.cause_event_id} {alert.rule_digest}"
    return AlertChanged(
        event_id=named_id(fixed["time_us"], role),
        tenant=alert.labels.get("tenant", ""),
        trace_id=trace.trace_id if trace else "",
        span_id=trace.parent_span_id if trace else "",
        parent_span_id=parent_span_id,
        event_time_us=fixed["time_us"],
        fingerprint=alert.fingerprint,
        rule=alert.rule,
        rule_digest=alert.rule_digest,
        state=alert.phase.value,
        severity=severity,
        group_key=group_key,
        value=alert.value,
        threshold=alert.threshold,
        starts_at_us=fixed["starts_at_us"],
        ends_at_us=fixed["ends_at_us"],
        cause_event_id=alert.cause_event_id,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
    )
