"""Grouping: which alerts are told of in one notification, and when.

The first alert of a group waits `group_wait` for company; later changes of the group are told at most once per
`group_interval`. What was told already is not told again, and an alert that ended before anyone was told of it is
not told of at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.alerts.core.state import Alert, Phase


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of a group, microseconds."""

    group_wait_us: int
    group_interval_us: int


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of one group for one receiver.

    key and labels: the group's. alerts: by fingerprint, as they are. told: by fingerprint, the phase that was last
    told. flush_at_us: when to tell next, 0 for nothing to tell. flushed_us: when it was last told, 0 for never.
    """

    receiver: str
    key: str
    labels: Mapping[str, str]
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    told: Mapping[str, str] = field(default_factory=dict)
    flush_at_us: int = 0
    flushed_us: int = 0


@dataclass(frozen=True, slots=True)
class Notification:
    """What a receiver is to be told: the group with its alerts, firing first, and the time of the decision."""

    receiver: str
    key: str
    labels: Mapping[str, str]
    alerts: tuple[Alert, ...]
    decided_us: int

    @property
    def status(self) -> str:
        """firing while any alert fires, else resolved."""
        return "firing" if any(alert.phase is Phase.FIRING for alert in self.alerts) else "resolved"


def joined(group: Group, alert: Alert, now_us: int, timing: Timing) -> Group:
    """The group after an alert of it began to fire or was resolved."""
    if alert.phase not in (Phase.FIRING, Phase.RESOLVED):
        return group
    due_us = group.flush_at_us or (
        max(now_us, group.flushed_us + timing.group_interval_us) if group.flushed_us else now_us + timing.group_wait_us
    )
    bare = replace(alert, window=())
    return replace(group, alerts={**group.alerts, alert.fingerprint: bare}, flush_at_us=due_us)


def flushed(group: Group, now_us: int) -> tuple[Group | None, Notification | None]:
    """The group once its time has come, None when nothing is left in it, and what is to be told, if anything."""
    if not group.flush_at_us or now_us < group.flush_at_us:
        return group, None
    phases = {name: _mark(alert) for name, alert in group.alerts.items()}
    tellable = {
        name: alert for name, alert in group.alerts.items() if alert.phase is Phase.FIRING or name in group.told
    }
    is_news = any(group.told.get(name) != phases[name] for name in tellable)
    firing = {name: alert for name, alert in tellable.items() if alert.phase is Phase.FIRING}
    rest = replace(
        group,
        alerts=firing,
        told={name: phases[name] for name in firing},
        flush_at_us=0,
        flushed_us=now_us if is_news else group.flushed_us,
    )
    if not is_news:
        return (rest if firing else None), None
    alerts = tuple(sorted(tellable.values(), key=lambda one: (one.phase is not Phase.FIRING, one.fingerprint)))
    return (rest if firing else None), Notification(group.receiver, group.key, group.labels, alerts, now_us)


def _mark(alert: Alert) -> str:
    return f"{alert.phase.value} {alert.starts_at_us} {alert.ends_at_us}"
