"""Trial: a notification that says nothing but that it could be sent, of an alert that is marked as a test."""

from __future__ import annotations

from dataclasses import replace

from weir.alerts.core.grouping import Notification
from weir.alerts.core.labels import fingerprint, group_key, labels_of
from weir.alerts.core.rule import Rule
from weir.alerts.core.state import Alert, Phase, fill

MARK = "weir_test"
"""Label of an alert that is a test; its value is the test's id, so that it is nobody else's alert."""

ALERTNAME = "WeirTest"
"""Name of the alert that tests a receiver without a rule."""

SUMMARY = "A test of weir alert test: nothing happened. It is resolved at once."


def trial_of_receiver(receiver: str, trial_id: str, at_us: int) -> list[Notification]:
    """A test of a receiver: an alert that fires, and its end."""
    labels = {"alertname": ALERTNAME, "severity": "info", MARK: trial_id}
    return _both(receiver, _alert(ALERTNAME, "", labels, {"summary": SUMMARY}, at_us), at_us)


def trial_of_rule(rule: Rule, trial_id: str, at_us: int) -> list[Notification]:
    """A test of a rule: what each of its receivers would get, with its own labels and annotations."""
    identity = dict.fromkeys((name for name in rule.identity if name != "part"), "test")
    labels = {**labels_of(rule, identity), MARK: trial_id}
    annotations = {name: fill(template, {}) for name, template in rule.annotations.items()}
    alert = _alert(rule.name, rule.digest, labels, {**annotations, "test": SUMMARY}, at_us)
    return [one for receiver in rule.receivers for one in _both(receiver, alert, at_us)]


def _alert(rule: str, digest: str, labels: dict[str, str], annotations: dict[str, str], at_us: int) -> Alert:
    return Alert(
        fingerprint=fingerprint(labels),
        rule=rule,
        rule_digest=digest,
        labels=labels,
        phase=Phase.FIRING,
        annotations=annotations,
        starts_at_us=at_us,
    )


def _both(receiver: str, alert: Alert, at_us: int) -> list[Notification]:
    shared = {name: alert.labels[name] for name in ("alertname", MARK)}
    ended = replace(alert, phase=Phase.RESOLVED, ends_at_us=at_us)
    return [
        Notification(receiver, group_key(shared), shared, (one,), at_us, number)
        for number, one in enumerate((alert, ended), start=1)
    ]
