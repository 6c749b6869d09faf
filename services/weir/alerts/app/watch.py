"""Watch: brings signals, scores, edited rules and time to the alerts.

The rule (K11): an alert is open if and only if its condition holds under the rule in force. What holds is remembered apart
from the rules: a signal stands from when it is raised until it is cleared. So an edited or a new rule is judged at once by
what stands, and no edit resolves what still holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weir.alerts.adapters.metrics import DROPPED
from weir.alerts.app.draft import Draft
from weir.alerts.app.notifier import Notifier
from weir.alerts.app.rulebook import Rulebook
from weir.alerts.core.labels import identity_of
from weir.alerts.core.observation import (
    RAISING,
    SPEAKING,
    Observation,
    Signal,
    Source,
    channel_of,
    covers_series,
    observe,
    series_named,
    series_of,
    shown,
    topic_of,
)
from weir.alerts.core.rule import Rule
from weir.alerts.core.state import ACTIVE, BY_SIGNALS, Alert, Phase, apply_rule, end, key_of, new_alert, step, tick
from weir.assets.rule import IDENTITY
from weir.events import EvaluationScored
from weir.runtime.telemetry.logs import logger


class Watch:
    """The alerts' side of the application; works on drafts."""

    def __init__(self, rulebook: Rulebook, notifier: Notifier, alerts_max: int) -> None:
        """alerts_max: alerts kept, and series with standing signals kept."""
        self._rulebook = rulebook
        self._notifier = notifier
        self._alerts_max = alerts_max

    def observe(self, draft: Draft, topic: str, event: Source, at_us: int) -> None:
        """Take one event into account. at_us: the processing clock."""
        channels: Mapping[str, Signal] = {}
        if not isinstance(event, EvaluationScored) and event.state in SPEAKING:
            channels = self._stand(draft, topic, event)
            if not channels and self._rulebook.broken:
                self._end_broken(draft, topic, event, at_us)
        for rule in self._rulebook.watching(topic):
            seen = _held(rule, channels) or observe(rule, event)
            if seen is not None:
                self.apply(draft, rule, seen, at_us)

    def pass_time(self, draft: Draft, at_us: int) -> None:
        """Let pending alerts fire whose time has come."""
        for alert in draft.all_alerts():
            rule = self._rulebook.rules.get(alert.rule)
            # One over calls waits in event time: it begins to fire at an evaluation.
            if alert.phase is Phase.PENDING and rule is not None and rule.calls is None:
                after, is_changed = tick(alert, rule, at_us)
                self._keep(draft, rule, alert, after, at_us, is_changed=is_changed)

    def reconcile(self, draft: Draft, at_us: int) -> None:
        """Bring every alert under the rules as they are now, and open what stands under a rule that is new."""
        for alert in draft.all_alerts():
            if alert.rule in self._rulebook.broken:
                continue  # nobody can say what holds under it; its alerts stay as they are until it can run
            rule = self._rulebook.rules.get(alert.rule)
            if rule is None:
                self.end_alert(draft, alert, at_us, f"rule {alert.rule} is in force no more")
            elif not covers_series(rule, alert.identity):
                self.end_alert(draft, alert, at_us, f"the edited rule {alert.rule} watches this series no more")
            elif rule.digest != alert.rule_digest:
                self._edit(draft, rule, alert, at_us)
        for series in draft.all_series():
            for rule in self._rulebook.watching(topic_of(series)):
                held = _held(rule, draft.channels(series))
                if held is not None:
                    self.apply(draft, rule, held, at_us)

    def _edit(self, draft: Draft, rule: Rule, alert: Alert, at_us: int) -> None:
        channels = draft.channels(_series(rule, alert))
        if rule.condition is None and channels:
            if _held(rule, channels) is None:
                self.end_alert(draft, alert, at_us, f"the condition does not hold under the edited rule {rule.name}")
            return  # what holds is applied with all that stands
        after, is_changed = apply_rule(alert, rule, at_us)
        self._keep(draft, rule, alert, after, at_us, is_changed=is_changed)

    def end_alert(self, draft: Draft, alert: Alert, at_us: int, reason: str) -> None:
        """End an active alert for a reason that its annotations then say."""
        if alert.phase in ACTIVE:
            self._keep(draft, None, alert, end(alert, at_us, reason), at_us, is_changed=True)

    def _end_broken(self, draft: Draft, topic: str, event: Signal, at_us: int) -> None:
        """End the alerts over a series on which nothing stands, whose rules cannot run: none could hold."""
        identity = identity_of(topic, event.as_record())
        for name in self._rulebook.broken:
            alert = draft.alert(key_of(name, identity))
            if alert is not None and alert.watched.startswith(BY_SIGNALS):
                self.end_alert(draft, alert, at_us, f"what raised it was cleared; rule {name} cannot run at present")

    def _stand(self, draft: Draft, topic: str, event: Signal) -> dict[str, Signal]:
        """The signals of the event's series that stand after it."""
        series, channel = series_of(topic, event), channel_of(event)
        before = draft.channels(series)
        if event.state in RAISING:
            if not before and draft.series_count >= self._alerts_max:
                DROPPED.labels("standing_full").inc()
                logger().error("standing_full", limit=self._alerts_max, series=shown(series))
                return {channel: event}
            after = {**before, channel: event}
        else:
            after = {name: one for name, one in before.items() if channel and name != channel}
        if after != before:
            draft.standing[series] = after
        return after

    def apply(self, draft: Draft, rule: Rule, seen: Observation, at_us: int) -> None:
        """Bring an observation to the alert of its series. at_us: the processing clock."""
        alert = draft.alert(key_of(rule.name, seen.identity))
        if alert is None:
            if (rule.condition is None and not seen.is_bad) or not self._make_room(draft):
                return
            alert = new_alert(rule, seen.identity)
        after, is_changed = step(alert, rule, seen, at_us)
        self._keep(draft, rule, alert, after, at_us, is_changed=is_changed)

    def _keep(
        self, draft: Draft, rule: Rule | None, before: Alert, after: Alert, at_us: int, *, is_changed: bool
    ) -> None:
        """rule: None for an alert that its rule makes no more."""
        if is_changed:
            after = draft.trace(replace(after, turn=after.turn + 1))
        if draft.alert(after.key) != after:
            draft.alerts[after.key] = after
        if is_changed:
            self._notifier.record_change(draft, rule, after, at_us)
        elif after.phase is Phase.FIRING and rule is not None and _said(after, rule) != _said(before, rule):
            self._notifier.notify(draft, rule, after, at_us)

    def _make_room(self, draft: Draft) -> bool:
        if draft.alert_count < self._alerts_max:
            return True
        idle = [one for one in draft.all_alerts() if one.phase not in ACTIVE]
        DROPPED.labels("evicted" if idle else "full").inc()
        if not idle:
            logger().error("alerts_full", alerts=draft.alert_count, limit=self._alerts_max)
            return False
        draft.alerts[min(idle, key=lambda one: one.updated_us).key] = None
        return True


def _held(rule: Rule, channels: Mapping[str, Signal]) -> Observation | None:
    """The newest signal that stands and is as a rule without a condition asks; None where none is."""
    if rule.condition is not None:
        return None
    seen = [one for event in channels.values() if (one := observe(rule, event)) is not None and one.is_bad]
    return max(seen, key=lambda one: one.event_time_us, default=None)


def _series(rule: Rule, alert: Alert) -> str:
    known = {name: alert.identity[name] for name in IDENTITY[rule.source] if name in alert.identity}
    return series_named(rule.source, known)


def _said(alert: Alert, rule: Rule) -> tuple[object, ...]:
    return (alert.labels, alert.annotations, alert.rule_digest == rule.digest)
