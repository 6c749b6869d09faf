"""Snapshot: alerts and groups as plain data for the store, and back, exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from weir.alerts.core.grouping import Group
from weir.alerts.core.state import Alert, Phase, Sample


def alert_record(alert: Alert) -> dict[str, Any]:
    """An alert as plain data."""
    return {**asdict(alert), "window": [[one.event_id, one.value] for one in alert.window]}


def alert_from(record: Mapping[str, Any]) -> Alert:
    """The alert of a record."""
    window = tuple(Sample(event_id, value) for event_id, value in record["window"])
    return Alert(**{**record, "phase": Phase(record["phase"]), "window": window})


def group_record(group: Group) -> dict[str, Any]:
    """A group as plain data."""
    return {**asdict(group), "alerts": {name: alert_record(alert) for name, alert in group.alerts.items()}}


def group_from(record: Mapping[str, Any]) -> Group:
    """The group of a record."""
    return Group(**{**record, "alerts": {name: alert_from(alert) for name, alert in record["alerts"].items()}})
