"""Notification body: Alertmanager's webhook format, version 4, so that every receiver of Alertmanager's reads ours."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from weir.alerts.core.grouping import Notification
from weir.alerts.core.state import Alert, Phase
from weir.events import canonical_json

VERSION = "4"
"""Version of the format, specified by Alertmanager."""

NEVER = "0001-01-01T00:00:00Z"
"""endsAt of an alert that fires, specified by Alertmanager."""

CALENDAR_END_US = 253_402_300_799_999_999
"""Last microsecond of the year 9999, the end of Python's calendar and of RFC 3339's."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def webhook_id(notification: Notification) -> str:
    """Id of a notification, derived from what it says and its number in the group: a replay and every retry have the same,
    a repetition has another."""
    alerts = [[one.fingerprint, one.phase.value, one.starts_at_us, one.ends_at_us] for one in notification.alerts]
    text = canonical_json([notification.receiver, notification.key, notification.number, alerts])
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def webhook_body(
    notification: Notification, *, external_url: str, generator_url: str, alerts_max: int
) -> dict[str, object]:
    """The body. external_url: of this service. generator_url: prefix before a rule's name. alerts_max: alerts listed;
    how many more there are is in truncatedAlerts."""
    listed = notification.alerts[:alerts_max]
    return {
        "version": VERSION,
        "groupKey": notification.key,
        "truncatedAlerts": len(notification.alerts) - len(listed),
        "status": notification.status,
        "receiver": notification.receiver,
        "groupLabels": dict(notification.labels),
        "commonLabels": _common(alert.labels for alert in notification.alerts),
        "commonAnnotations": _common(alert.annotations for alert in notification.alerts),
        "externalURL": external_url,
        "alerts": [_alert(alert, generator_url) for alert in listed],
    }


def alertmanager_body(notification: Notification, *, generator_url: str, holds_us: int) -> list[dict[str, object]]:
    """The body for Alertmanager's own API, /api/v2/alerts.

    holds_us: how long an alert fires there when nothing more is heard, microseconds; it is notified again well before. Names
    that Alertmanager does not accept are written with underscores. It knows an alert by its labels, so what it was called
    before an edit of its rule is ended.
    """
    at_us = notification.decided_us
    posted = []
    for alert in notification.alerts:
        ends_us = at_us + holds_us if alert.phase is Phase.FIRING else min(alert.ends_at_us, at_us)
        posted.append(_posted(alert, alert.labels, ends_us, generator_url))
        posted += [_posted(alert, labels, at_us, generator_url) for labels in alert.former]
    return posted


def _posted(alert: Alert, labels: Mapping[str, str], ends_us: int, generator_url: str) -> dict[str, object]:
    return {
        "labels": {_name(name): value for name, value in labels.items() if value},
        "annotations": {_name(name): value for name, value in alert.annotations.items()},
        "startsAt": rfc3339(min(alert.starts_at_us, ends_us)),
        "endsAt": rfc3339(ends_us),
        "generatorURL": f"{generator_url}{alert.rule}",
    }


def _name(text: str) -> str:
    plain = "".join(char if char.isascii() and (char.isalnum() or char == "_") else "_" for char in text)
    return plain if plain[:1] and not plain[0].isdigit() else f"_{plain}"


def rfc3339(time_us: int) -> str:
    """A time as text. time_us: microseconds since 1970-01-01 UTC; one that no calendar has is the nearest that it has."""
    return (EPOCH + timedelta(microseconds=min(max(time_us, 0), CALENDAR_END_US))).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _alert(alert: Alert, generator_url: str) -> dict[str, object]:
    return {
        "status": "firing" if alert.phase is Phase.FIRING else "resolved",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": rfc3339(alert.starts_at_us),
        "endsAt": rfc3339(alert.ends_at_us) if alert.ends_at_us else NEVER,
        "generatorURL": f"{generator_url}{alert.rule}",
        "fingerprint": alert.fingerprint,
    }


def _common(mappings: Iterable[Mapping[str, str]]) -> dict[str, str]:
    pairs = [set(mapping.items()) for mapping in mappings]
    return dict(sorted(set.intersection(*pairs))) if pairs else {}
