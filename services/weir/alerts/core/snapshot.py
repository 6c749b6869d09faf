"""Snapshot: alerts, groups and notifications as plain data for the store, and back, exactly.

What an older version wrote lacks some fields; they are filled in here, in one place.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from weir.alerts.core.grouping import Group, Notification, Timing
from weir.alerts.core.state import Alert, Phase, Sample, key_of
from weir.assets.rule import IDENTITY

IDENTIFYING = {name for names in IDENTITY.values() for name in names}
"""Labels that may come from an identity."""

RENAMED = {"told": "notified", "told_us": "notified_us"}
"""Fields of a group, as an older version called them."""


def alert_record(alert: Alert) -> dict[str, Any]:
    """An alert as plain data."""
    return {**asdict(alert), "window": [[one.event_id, one.value, one.failed] for one in alert.window]}


def alert_from(record: Mapping[str, Any]) -> Alert:
    """The alert of a record. Raises KeyError, TypeError or ValueError for one that is none."""
    window = tuple(Sample(*sample) for sample in record["window"])
    former = tuple(record.get("former", ()))
    alert = {
        **record,
        "phase": Phase(record["phase"]),
        "window": window,
        "former": former,
        "links": tuple(record.get("links", ())),
    }
    if "key" not in record:
        identity = {name: value for name, value in record["labels"].items() if name in IDENTIFYING}
        alert |= {"identity": identity, "key": key_of(record["rule"], identity)}
    return Alert(**alert)


def group_record(group: Group) -> dict[str, Any]:
    """A group as plain data."""
    return {**asdict(group), "alerts": {name: alert_record(alert) for name, alert in group.alerts.items()}}


def group_from(record: Mapping[str, Any], timing: Timing) -> Group:
    """The group of a record. timing: of one that was written without. Raises like alert_from."""
    record = {RENAMED.get(name, name): value for name, value in record.items()}
    stored = record.get("timing")
    return Group(
        **{
            **record,
            **({} if stored else _notified_once(record, timing)),
            "timing": Timing(**stored) if stored else timing,
            "alerts": {name: alert_from(alert) for name, alert in record["alerts"].items()},
            "muted": tuple(record.get("muted", ())),
            "leaving": tuple(record.get("leaving", ())),
        }
    )


def _notified_once(record: Mapping[str, Any], timing: Timing) -> dict[str, Any]:
    """What an older version, which notified of a firing group once and never again, did not write."""
    notified_us = record["flushed_us"]
    return {"notified_us": notified_us, "flush_at_us": record["flush_at_us"] or notified_us + timing.repeat_interval_us}


def notification_record(notification: Notification) -> dict[str, Any]:
    """A notification as plain data."""
    return {**asdict(notification), "alerts": [alert_record(alert) for alert in notification.alerts]}


def notification_from(record: Mapping[str, Any]) -> Notification:
    """The notification of a record. Raises like alert_from."""
    return Notification(**{**record, "alerts": tuple(alert_from(alert) for alert in record["alerts"])})
