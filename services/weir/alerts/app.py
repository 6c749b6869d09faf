"""Alerts: observes events under the rules in force, lets time pass, and writes what follows in one transaction.

Memory holds what the database holds; a batch is worked out on a draft, written together with the offsets it came from,
and only then taken into memory. So a crash at any point loses nothing and repeats nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from weir.alerts.adapters import deliveries, state_store
from weir.alerts.adapters.database import Database
from weir.alerts.adapters.deliveries import DEAD, WAITING, Delivery
from weir.alerts.adapters.state_store import GroupKey, Progress
from weir.alerts.core.grouping import Group, Notification, Timing, flushed, joined
from weir.alerts.core.labels import IDENTITY, fingerprint, group_key, group_labels, labels_of
from weir.alerts.core.notification import webhook_body, webhook_id
from weir.alerts.core.observation import Source, observe
from weir.alerts.core.rule import Rule
from weir.alerts.core.state import Alert, Phase, resolved, step, tick
from weir.alerts.draft import Draft, change_event
from weir.alerts.metrics import DELIVERIES, DROPPED, TRANSITIONS
from weir.alerts.rulebook import Rulebook
from weir.runtime.clock import now_us
from weir.runtime.consumer import Received
from weir.runtime.http import json_bytes
from weir.runtime.telemetry import logger

TOPICS = ("drift-signals", "evaluation-scores", "ops-signals")
GROUP = "alerts"

ACTIVE = (Phase.PENDING, Phase.FIRING)

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds and addresses of the application; see the settings of the same names."""

    timing: Timing
    alerts_max: int
    notification_alerts_max: int
    waiting_max: int
    finished_max: int
    external_url: str
    generator_url: str


class Alerts:
    """Every alert of this instance."""

    def __init__(
        self,
        database: Database,
        rulebook: Rulebook,
        receivers: Collection[str],
        limits: Limits,
        on_written: Callable[[], None],
    ) -> None:
        """on_written: called after a transaction that may have left something to send."""
        self._database = database
        self._rulebook = rulebook
        self._receivers = receivers
        self._limits = limits
        self._on_written = on_written
        self._numbers = state_store.numbers(database.connection)
        self._next_seq = self._numbers.next_seq
        self._alerts = state_store.load_alerts(database.connection)
        self._groups = state_store.load_groups(database.connection)
        self._progress = state_store.load_progress(database.connection)
        self._rules_revision = -1

    @property
    def alerts(self) -> Sequence[Alert]:
        """Every alert, newest first."""
        return sorted(self._alerts.values(), key=lambda alert: alert.updated_us, reverse=True)

    async def handle(self, batch: Sequence[Received]) -> None:
        """Take a batch of signals and scores into account; returns when all that follows is on disk."""
        draft, at_us = Draft(), now_us()
        for one in batch:
            place = (one.message.topic, one.message.partition)
            before = draft.progress.get(place) or self._progress.get(place, Progress(0, 0))
            event = one.event
            if not isinstance(event, Source) or _is_replay(one, before):
                continue
            for rule in self._rulebook.watching(one.message.topic):
                self._observe(draft, rule, event, at_us)
            newest_us = max(before.newest_us, event.event_time_us)
            draft.progress[place] = Progress(one.message.offset + 1, newest_us)
        self._write(draft, at_us)

    def pass_time(self, at_us: int) -> None:
        """Let pending alerts fire and groups be told whose time has come. at_us: the processing clock."""
        draft = Draft()
        if self._rulebook.revision != self._rules_revision:
            self._reconcile(draft, at_us)
        for name, alert in self._alerts.items():
            rule = self._rulebook.rules.get(alert.rule)
            if alert.phase is Phase.PENDING and rule is not None and name not in draft.alerts:
                after, is_changed = tick(alert, rule, at_us)
                if is_changed:
                    self._changed(draft, rule, after, at_us)
        for key, group in {**self._groups, **draft.groups}.items():
            if group is not None and group.flush_at_us and at_us >= group.flush_at_us:
                draft.groups[key], notification = flushed(group, at_us)
                if notification is not None:
                    draft.notifications.append(notification)
        self._write(draft, at_us)

    def _observe(self, draft: Draft, rule: Rule, event: Source, at_us: int) -> None:
        seen = observe(rule, event)
        if seen is None:
            return
        labels = labels_of(rule, seen.identity)
        name = fingerprint(labels)
        alert = draft.alerts.get(name) or self._alerts.get(name)
        if alert is None:
            if rule.condition is None and not seen.is_bad:
                return
            if not self._make_room(draft):
                return
            alert = Alert(fingerprint=name, rule=rule.name, rule_digest=rule.digest, labels=labels)
        after, is_changed = step(alert, rule, seen)
        draft.alerts[name] = after
        if is_changed:
            self._changed(draft, rule, after, at_us)

    def _changed(self, draft: Draft, rule: Rule, alert: Alert, at_us: int) -> None:
        draft.alerts[alert.fingerprint] = alert
        labels = group_labels(rule, alert.labels)
        self._note(draft, alert, rule.severity, group_key(labels))
        if alert.phase is Phase.FIRING:
            for receiver in rule.receivers:
                key = (receiver, group_key(labels))
                group = self._group(draft, key) or Group(receiver, key[1], labels)
                draft.groups[key] = joined(group, alert, at_us, self._limits.timing)
        else:
            self._left(draft, alert, at_us)

    def _left(self, draft: Draft, alert: Alert, at_us: int) -> None:
        for key in {**self._groups, **draft.groups}:
            group = self._group(draft, key)
            if group is not None and alert.fingerprint in group.alerts:
                draft.groups[key] = joined(group, alert, at_us, self._limits.timing)

    def _note(self, draft: Draft, alert: Alert, severity: str, key: str) -> None:
        event = change_event(
            alert,
            severity=severity,
            group_key=key,
            source=self._numbers.source,
            boot_epoch=self._numbers.boot_epoch,
            seq=self._next_seq + len(draft.changes),
        )
        draft.changes.append(event)
        TRANSITIONS.labels(alert.rule, alert.phase.value).inc()
        logger().info("alert_changed", rule=alert.rule, fingerprint=alert.fingerprint, phase=alert.phase.value)

    def _reconcile(self, draft: Draft, at_us: int) -> None:
        """End the alerts that no rule in force makes any more: a rule that left, or whose labels changed."""
        for name, alert in self._alerts.items():
            rule = self._rulebook.rules.get(alert.rule)
            if rule is not None and _makes(rule, alert):
                continue
            if alert.phase is Phase.FIRING:
                ended = resolved(alert, at_us)
                self._note(draft, ended, alert.labels.get("severity", ""), "")
                self._left(draft, ended, at_us)
            draft.alerts[name] = None
        self._rules_revision = self._rulebook.revision

    def _make_room(self, draft: Draft) -> bool:
        count = len(self._alerts.keys() | draft.alerts.keys())
        if count < self._limits.alerts_max:
            return True
        idle = [one for name, one in self._alerts.items() if one.phase not in ACTIVE and name not in draft.alerts]
        DROPPED.labels("evicted" if idle else "full").inc()
        if not idle:
            logger().error("alerts_full", alerts=count, limit=self._limits.alerts_max)
            return False
        draft.alerts[min(idle, key=lambda one: one.updated_us).fingerprint] = None
        return True

    def _group(self, draft: Draft, key: GroupKey) -> Group | None:
        return draft.groups[key] if key in draft.groups else self._groups.get(key)

    def _write(self, draft: Draft, at_us: int) -> None:
        if draft.is_empty:
            return
        with self._database.transaction() as connection:
            state_store.save_alerts(connection, draft.alerts)
            state_store.save_groups(connection, draft.groups)
            state_store.save_progress(connection, draft.progress)
            state_store.put_events(connection, draft.changes)
            off = deliveries.switched_off(connection)
            for notification in draft.notifications:
                waiting = deliveries.waiting_count(connection, notification.receiver)
                reason = self._refusal(notification.receiver, waiting, off)
                deliveries.put(connection, *self._delivery(notification, reason, at_us))
            if draft.notifications:
                deliveries.prune(connection, self._limits.finished_max)
        self._next_seq += len(draft.changes)
        _merge(self._alerts, draft.alerts)
        _merge(self._groups, draft.groups)
        self._progress.update(draft.progress)
        if draft.changes or draft.notifications:
            self._on_written()

    def _refusal(self, receiver: str, waiting: int, off: Collection[str]) -> str:
        if receiver not in self._receivers:
            return f"receiver {receiver!r} is not in WEIR_ALERTS_RECEIVERS_FILE; add it, restart, resend"
        if receiver in off:
            return "the receiver is switched off"
        if waiting >= self._limits.waiting_max:
            return f"{waiting} deliveries wait for the receiver already"
        return ""

    def _delivery(self, notification: Notification, refusal: str, at_us: int) -> tuple[Delivery, bytes]:
        body = webhook_body(
            notification,
            external_url=self._limits.external_url,
            generator_url=self._limits.generator_url,
            alerts_max=self._limits.notification_alerts_max,
        )
        if refusal:
            DELIVERIES.labels(notification.receiver, DEAD).inc()
            logger().error("delivery_dead", receiver=notification.receiver, reason=refusal)
        delivery = Delivery(
            id=webhook_id(notification),
            receiver=notification.receiver,
            group_key=notification.key,
            status=notification.status,
            state=DEAD if refusal else WAITING,
            attempts=0,
            waited_us=0,
            next_try_us=at_us,
            created_us=at_us,
            finished_us=at_us if refusal else 0,
            error=refusal,
        )
        return delivery, json_bytes(body)


def _is_replay(one: Received, before: Progress) -> bool:
    """Whether a message was handled already. The time tells a replay from a topic that was made anew."""
    return one.message.offset < before.next_offset and one.event.event_time_us <= before.newest_us


def _makes(rule: Rule, alert: Alert) -> bool:
    identity = {name: alert.labels[name] for name in IDENTITY[rule.source] if name in alert.labels}
    return fingerprint(labels_of(rule, identity)) == alert.fingerprint


def _merge(into: dict[Key, Value], changes: Mapping[Key, Value | None]) -> None:
    for key, value in changes.items():
        if value is None:
            into.pop(key, None)
        else:
            into[key] = value
