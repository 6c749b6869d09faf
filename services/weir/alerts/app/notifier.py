"""Notifier: brings changed alerts to the groups of their receivers, and groups to notifications when their time has come."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

from weir.alerts.adapters.metrics import HELD_BACK
from weir.alerts.adapters.queue import DeliveryQueue
from weir.alerts.adapters.state_store import GroupKey
from weir.alerts.app.draft import Draft
from weir.alerts.core.grouping import (
    Group,
    Notification,
    Timing,
    flush,
    join,
    leave,
    owe_end,
    rederive,
    refuse,
    reopen,
    take_back,
    unmute,
)
from weir.alerts.core.inhibition import Inhibitor, inhibitors
from weir.alerts.core.labels import group_key, group_labels
from weir.alerts.core.rule import Rule
from weir.alerts.core.silence import Silence
from weir.alerts.core.state import Alert, Phase


class Notifier:
    """The receivers' side of the application; works on drafts."""

    def __init__(self, timing: Timing, rules: Callable[[], Mapping[str, Rule]], queue: DeliveryQueue) -> None:
        """timing: waits of groups whose rule names none. rules: those in force. queue: what is known of the deliveries."""
        self._timing = timing
        self._rules = rules
        self._queue = queue

    def record_change(self, draft: Draft, rule: Rule | None, alert: Alert, at_us: int) -> None:
        """Record a change of phase, and bring it to the groups that it concerns. rule: None when it makes the alert no more."""
        labels = group_labels(rule, alert.labels) if rule else {}
        severity = rule.severity if rule else alert.labels.get("severity", "")
        draft.note(alert, severity, group_key(labels) if rule else "", at_us)
        if alert.phase is Phase.FIRING and rule is not None:
            self.notify(draft, rule, alert, at_us)
            return
        for key, group in draft.all_groups().items():
            if alert.fingerprint in group.alerts:
                draft.groups[key] = join(group, alert, at_us, group.timing)

    def notify(self, draft: Draft, rule: Rule, alert: Alert, at_us: int) -> None:
        """Put a firing alert into the groups that its rule names now; others are notified of its end only."""
        labels = group_labels(rule, alert.labels)
        wanted = [(receiver, group_key(labels)) for receiver in rule.receivers]
        moved = set()
        for key, group in draft.all_groups().items():
            if alert.fingerprint in group.alerts and key not in wanted:
                draft.groups[key] = leave(group, alert, is_end_due=group.receiver not in rule.receivers)
                moved |= {group.receiver} if alert.fingerprint in group.notified else set()
        timing = self._timing_of(rule)
        for key in wanted:
            group = draft.group(key) or Group(key[0], key[1], labels, timing)
            group = owe_end(group, alert.fingerprint) if key[0] in moved else group
            draft.groups[key] = join(group, alert, at_us, timing)

    def pass_time(self, draft: Draft, at_us: int) -> None:
        """Notify every group whose time has come. at_us: the processing clock."""
        silences = [one for one in draft.memory.silences.values() if one.state(at_us) == "active"]
        muted = _Muted(draft, silences, self._rules(), at_us)
        for key, group in draft.all_groups().items():
            if group.muted:
                after = unmute(group, muted.among(group), at_us)
                if after != group:
                    draft.groups[key] = group = after
            if group.flush_at_us and at_us >= group.flush_at_us:
                self._flush(draft, key, group, muted.among(group), at_us)

    def take_back(self, draft: Draft, delivery_id: str, lost: Notification | None, at_us: int) -> None:
        """Notify again of what a delivery that was given up said; None where that cannot be read any more."""
        if lost is not None:
            key = (lost.receiver, lost.key)
            draft.groups[key] = take_back(draft.group(key), lost, at_us, self._timing)
        draft.taken_back.append(delivery_id)

    def reopen(self, draft: Draft, receiver: str, at_us: int) -> None:
        """Notify a receiver of what fires, once it can be notified again."""
        for key, group in draft.all_groups().items():
            if group.receiver == receiver:
                draft.groups[key] = reopen(group, at_us)

    def reopen_known(self, draft: Draft, at_us: int) -> None:
        """Likewise for every receiver that was unknown or off and is not any more."""
        for key, group in draft.all_groups().items():
            if group.is_refused and not self._queue.refusal(group.receiver):
                draft.groups[key] = reopen(group, at_us)

    def correct(self, draft: Draft, at_us: int) -> None:
        """Hold every deadline to the clock, which went back."""
        for key, group in draft.all_groups().items():
            after = rederive(group, at_us)
            if after != group:
                draft.groups[key] = after

    def _flush(self, draft: Draft, key: GroupKey, group: Group, muted: Collection[str], at_us: int) -> None:
        reason = self._queue.refusal(group.receiver)
        if not reason and self._queue.is_full(group.receiver):
            HELD_BACK.labels(group.receiver).inc()
            draft.groups[key] = replace(group, flush_at_us=at_us + HOLD_US, set_us=at_us)
            return
        may_repeat = not self._queue.is_waiting(group.receiver, group.key)
        after, notification = flush(group, at_us, muted, may_repeat=may_repeat)
        draft.groups[key] = refuse(after) if reason and notification else after
        if notification is not None:
            draft.notifications.append((notification, reason))

    def _timing_of(self, rule: Rule) -> Timing:
        ours = self._timing
        return Timing(
            ours.group_wait_us if rule.group_wait_us is None else rule.group_wait_us,
            ours.group_interval_us if rule.group_interval_us is None else rule.group_interval_us,
            ours.repeat_interval_us if rule.repeat_interval_us is None else rule.repeat_interval_us,
        )


HOLD_US = 1_000_000
"""Time between looks of a group at a queue that is full, microseconds; a second, as the deliverer looks."""


class _Muted:
    """Which alerts are not notified now; worked out once a tick and only where a group asks."""

    def __init__(self, draft: Draft, silences: Collection[Silence], rules: Mapping[str, Rule], at_us: int) -> None:
        self._draft = draft
        self._silences = silences
        self._rules = rules
        self._at_us = at_us
        self._inhibitors: list[Inhibitor] | None = None if any(rule.inhibits for rule in rules.values()) else []

    def among(self, group: Group) -> frozenset[str]:
        """Fingerprints of a group's alerts that are muted."""
        return frozenset(name for name, alert in group.alerts.items() if self._is_muted(alert))

    def _is_muted(self, alert: Alert) -> bool:
        if any(silence.mutes(alert.labels, self._at_us) for silence in self._silences):
            return True
        if self._inhibitors is None:
            self._inhibitors = inhibitors(self._draft.all_alerts(), self._rules)
        return any(one.mutes(alert) for one in self._inhibitors)
