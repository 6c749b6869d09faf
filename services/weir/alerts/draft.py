"""Draft: what one batch or tick changes, gathered before it is written in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field

from weir.alerts.adapters.state_store import GroupKey, Place, Progress
from weir.alerts.core.grouping import Group, Notification
from weir.alerts.core.state import Alert, Phase
from weir.events import AlertChanged, named_id


@dataclass(slots=True)
class Draft:
    """Changed alerts and groups (None: taken away), new events and notifications, and how far partitions were read."""

    alerts: dict[str, Alert | None] = field(default_factory=dict)
    groups: dict[GroupKey, Group | None] = field(default_factory=dict)
    changes: list[AlertChanged] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    progress: dict[Place, Progress] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.alerts or self.groups or self.changes or self.notifications or self.progress)


def change_event(
    alert: Alert, *, severity: str, group_key: str, source: str, boot_epoch: int, seq: int
) -> AlertChanged:
    """The event of a change of phase. Its id is derived, so a replay writes the same event."""
    times = {
        Phase.PENDING: alert.pending_since_us,
        Phase.FIRING: alert.starts_at_us,
        Phase.RESOLVED: alert.ends_at_us,
        Phase.INACTIVE: alert.updated_us,
    }
    time_us = times[alert.phase]
    role = f"alert {alert.fingerprint} {alert.phase} {alert.cause_event_id} {alert.rule_digest}"
    return AlertChanged(
        event_id=named_id(time_us, role),
        source=source,
        boot_epoch=boot_epoch,
        seq=seq,
        tenant=alert.labels.get("tenant", ""),
        trace_id="",
        span_id="",
        parent_span_id="",
        event_time_us=time_us,
        fingerprint=alert.fingerprint,
        rule=alert.rule,
        rule_digest=alert.rule_digest,
        state=alert.phase.value,
        severity=severity,
        group_key=group_key,
        value=alert.value,
        threshold=alert.threshold,
        starts_at_us=alert.starts_at_us,
        ends_at_us=alert.ends_at_us,
        cause_event_id=alert.cause_event_id,
        labels=dict(alert.labels),
        annotations=dict(alert.annotations),
    )
