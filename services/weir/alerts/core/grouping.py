"""Grouping: which alerts share a notification, and when it is sent; Alertmanager's semantics.

The first alert of a group waits `group_wait` for others. After that the group has ticks, `group_interval` apart. A change is
notified at the next tick. While something fires and nothing changed, the group is notified again at the first tick after
`repeat_interval`, and not before. An alert that ended before it was notified is never notified.

A muted alert (silenced or inhibited) is not notified. Unlike in Alertmanager the end of a notified alert is kept, and
notified once the alert is muted no longer, so that no receiver waits for ever. A change of labels or annotations is a change.

A deadline is stored with the moment it was set (set_us). `rederive` holds it to what the waits allow whenever the clock
disagrees, so that no deadline outlives the correction of a clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from weir.alerts.core.state import Alert, Phase
from weir.events import canonical_json

LOST = "lost"
"""Mark of an alert whose last notification did not arrive: no alert's own mark, so it is notified again."""

RETRY_US = 60_000_000
"""Shortest wait before what did not arrive is notified again, microseconds: the receiver was tried for hours."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Waits of a group, microseconds."""

    group_wait_us: int
    group_interval_us: int
    repeat_interval_us: int

    @property
    def longest_us(self) -> int:
        """Longest time that any deadline of a group may lie ahead."""
        return (
            max(self.group_wait_us, self.group_interval_us, self.repeat_interval_us, RETRY_US) + self.group_interval_us
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The alerts of one group for one receiver.

    key and labels: the group's. alerts: by fingerprint, as they are. notified: by fingerprint, the mark that was last notified.
    muted: those that were muted at the last look. leaving: firing ones that stay only until their end is notified, because their
    rule names this receiver or group no more. flush_at_us: when to notify next, 0 for nothing to notify, and set_us: when that
    was decided. flushed_us: last tick, notified_us: last notification, 0 for never. number: notifications so far.
    is_refused: the last one could not be queued, because the receiver is unknown or switched off.
    """

    receiver: str
    key: str
    labels: Mapping[str, str]
    timing: Timing
    alerts: Mapping[str, Alert] = field(default_factory=dict)
    notified: Mapping[str, str] = field(default_factory=dict)
    muted: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    flush_at_us: int = 0
    set_us: int = 0
    flushed_us: int = 0
    notified_us: int = 0
    number: int = 0
    is_refused: bool = False


@dataclass(frozen=True, slots=True)
class Notification:
    """What is sent to a receiver: the group with its alerts, firing first, and the time of the decision. number: of
    this notification in its group. longest_us: the group's `Timing.longest_us`, within which it is heard of again while
    it fires; None for what no group says, such as a test."""

    receiver: str
    key: str
    labels: Mapping[str, str]
    alerts: tuple[Alert, ...]
    decided_us: int
    number: int = 0
    longest_us: int | None = None

    @property
    def status(self) -> str:
        """firing while any alert fires, else resolved."""
        return "firing" if any(alert.phase is Phase.FIRING for alert in self.alerts) else "resolved"


def join(group: Group, alert: Alert, now_us: int, timing: Timing) -> Group:
    """The group after an alert of it began to fire, changed, or was resolved."""
    if alert.phase not in (Phase.FIRING, Phase.RESOLVED):
        return group
    group = replace(group, timing=timing)
    due_us = _tick_us(group, now_us) if group.flushed_us else now_us + timing.group_wait_us
    leaving = tuple(name for name in group.leaving if name != alert.fingerprint or alert.phase is Phase.RESOLVED)
    return _due(
        replace(group, alerts={**group.alerts, alert.fingerprint: _bare(alert)}, leaving=leaving), due_us, now_us
    )


def leave(group: Group, alert: Alert, *, is_end_due: bool) -> Group | None:
    """The group once a rule no longer names it for a firing alert; None when nothing is left in it. is_end_due: whether it
    is to be notified of the end, and until then of nothing, because its receiver is notified of it nowhere else."""
    name = alert.fingerprint
    if is_end_due and name in group.notified:
        alerts, notified = {**group.alerts, name: _bare(alert)}, {**group.notified, name: _mark(alert)}
        return replace(group, alerts=alerts, notified=notified, leaving=tuple(sorted({*group.leaving, name})))
    alerts = {other: one for other, one in group.alerts.items() if other != name}
    notified = {other: mark for other, mark in group.notified.items() if other != name}
    return replace(group, alerts=alerts, notified=notified) if alerts else None


def owe_end(group: Group, fingerprint: str) -> Group:
    """The group whose receiver was notified of an alert in another one, before it moved here: its end is notified in any case."""
    return replace(group, notified={fingerprint: LOST, **group.notified})


def flush(
    group: Group, now_us: int, muted: Collection[str] = frozenset(), *, may_repeat: bool = True
) -> tuple[Group | None, Notification | None]:
    """The group once its time has come, None when nothing is left in it, and what is to be sent, if anything. muted:
    fingerprints of those that are not to be notified now. may_repeat: False while an earlier notification of the group waits."""
    if not group.flush_at_us or now_us < group.flush_at_us:
        return group, None
    marks = {name: _mark(alert) for name, alert in group.alerts.items()}
    known = {name: one for name, one in group.alerts.items() if one.phase is Phase.FIRING or name in group.notified}
    unmuted = {name: one for name, one in known.items() if name not in muted}
    is_news = any(group.notified.get(name) != marks[name] for name in unmuted)
    is_due = may_repeat and bool(group.notified_us) and now_us >= group.notified_us + group.timing.repeat_interval_us
    is_repeat = is_due and any(_repeats(group, name, one) for name, one in unmuted.items())
    is_sent = is_news or is_repeat
    rest = {
        name: one for name, one in known.items() if one.phase is Phase.FIRING or (name not in unmuted) or not is_sent
    }
    notified = {name: mark for name, mark in group.notified.items() if name in rest}
    if is_sent:
        notified |= {name: marks[name] for name in rest if name in unmuted}
    after = replace(
        group,
        alerts=rest,
        notified=notified,
        muted=tuple(sorted(name for name in rest if name not in unmuted)),
        leaving=tuple(name for name in group.leaving if name in rest),
        flush_at_us=0,
        flushed_us=now_us,
        notified_us=now_us if is_sent else group.notified_us,
        number=group.number + is_sent,
    )
    notification = _notification(group, unmuted.values(), now_us) if is_sent else None
    return (_repeating(after, unmuted, now_us) if rest else None), notification


def unmute(group: Group, muted: Collection[str], now_us: int) -> Group:
    """The group after a look at what is muted now: what is muted no longer is notified at the next tick."""
    if all(name in muted for name in group.muted):
        return group
    return _due(
        replace(group, muted=tuple(name for name in group.muted if name in muted)), _tick_us(group, now_us), now_us
    )


def take_back(group: Group | None, lost: Notification, now_us: int, timing: Timing) -> Group | None:
    """The group after a notification that did not arrive however often it was tried: its alerts are notified again. None
    when none of them is left."""
    group = group or Group(lost.receiver, lost.key, lost.labels, timing, number=lost.number)
    missing = {one.fingerprint: one for one in lost.alerts if one.phase is Phase.RESOLVED}
    alerts = {**{name: one for name, one in missing.items() if name not in group.alerts}, **group.alerts}
    notified = {**group.notified, **{one.fingerprint: LOST for one in lost.alerts if one.fingerprint in alerts}}
    group = replace(group, alerts=alerts, notified=notified, number=max(group.number, lost.number))
    return _due(group, now_us + max(group.timing.group_interval_us, RETRY_US), now_us) if alerts else None


def refuse(group: Group | None) -> Group | None:
    """The group after a notification that could not be queued: it is sent when the receiver can be notified again."""
    return replace(group, is_refused=True, flush_at_us=0) if group else None


def reopen(group: Group, now_us: int) -> Group:
    """The group once its receiver can be notified again: what fires is notified now."""
    notified = dict.fromkeys(group.notified, LOST)
    return _due(replace(group, notified=notified, is_refused=False), now_us, now_us)


def rederive(group: Group, now_us: int) -> Group:
    """The group with no memory of a time after now, and no deadline further ahead than its waits allow."""
    planned_us = group.flush_at_us - group.set_us if group.set_us else 0
    is_ahead = max(group.set_us, group.flushed_us, group.notified_us) > now_us
    is_far = group.flush_at_us > now_us + group.timing.longest_us
    if not is_ahead and not is_far:
        return group
    wait_us = min(max(planned_us, 0), group.timing.longest_us) if is_ahead else group.timing.group_interval_us
    return replace(
        group,
        flush_at_us=now_us + wait_us if group.flush_at_us else 0,
        set_us=now_us if group.flush_at_us else 0,
        flushed_us=min(group.flushed_us, now_us),
        notified_us=min(group.notified_us, now_us),
    )


def _due(group: Group, due_us: int, now_us: int) -> Group:
    if group.flush_at_us and group.flush_at_us <= due_us:
        return group
    return replace(group, flush_at_us=due_us, set_us=now_us)


def _tick_us(group: Group, from_us: int) -> int:
    """First tick of the group at or after a time; ticks lie group_interval apart, counted from the last one."""
    interval_us = group.timing.group_interval_us
    if not interval_us or not group.flushed_us:
        return from_us
    intervals = max(1, -((group.flushed_us - from_us) // interval_us))
    return group.flushed_us + intervals * interval_us


def _repeating(group: Group, unmuted: Mapping[str, Alert], now_us: int) -> Group:
    if not any(_repeats(group, name, one) for name, one in unmuted.items() if name in group.alerts):
        return group
    due_us = group.notified_us + group.timing.repeat_interval_us
    # One that is due and was not sent waits behind an earlier notification of the group.
    return _due(group, now_us + RETRY_US if due_us <= now_us else _tick_us(group, due_us), now_us)


def _repeats(group: Group, name: str, alert: Alert) -> bool:
    return alert.phase is Phase.FIRING and name not in group.leaving


def _notification(group: Group, alerts: Collection[Alert], now_us: int) -> Notification:
    ordered = tuple(sorted(alerts, key=lambda one: (one.phase is not Phase.FIRING, one.fingerprint)))
    longest_us = group.timing.longest_us
    return Notification(group.receiver, group.key, group.labels, ordered, now_us, group.number + 1, longest_us)


def _bare(alert: Alert) -> Alert:
    return replace(alert, window=(), fields={}, facts={}, links=())


def _mark(alert: Alert) -> str:
    said = canonical_json([dict(alert.labels), dict(alert.annotations)]) if alert.phase is Phase.FIRING else ""
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return f"{alert.phase.value} {alert.starts_at_us} {alert.ends_at_us} {digest}"
