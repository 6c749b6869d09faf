"""Restore: what the application begins with, from what an earlier process stored.

The rule (K1): a start never fails on what is stored. A value that no step can carry is put right, a row that cannot be read
is moved to the table `damaged`; both are logged and counted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from sqlite3 import Connection
from typing import Any, TypeVar

from weir.alerts.adapters import silences, state_store
from weir.alerts.adapters.metrics import RESTORED
from weir.alerts.adapters.state_store import GroupKey, Progress
from weir.alerts.core.grouping import Group, Notification, Timing, rederive
from weir.alerts.core.matcher import InvalidMatcher
from weir.alerts.core.observation import Signal
from weir.alerts.core.repair import check_event, repair_alert, repair_group, repair_times
from weir.alerts.core.silence import Silence
from weir.alerts.core.snapshot import alert_from, alert_record, group_from, group_record, notification_from
from weir.alerts.core.state import Alert
from weir.alerts.core.state import rederive as rederive_alert
from weir.events import AlertChanged, DriftSignalled, InvalidEvent, OpsSignalled, canonical_json
from weir.events.log import TopicPartition
from weir.runtime.telemetry.logs import logger

UNREADABLE = (KeyError, TypeError, ValueError, AttributeError, RecursionError, InvalidEvent, InvalidMatcher)
"""What a record that is none raises."""

SIGNALS: Mapping[str, type[DriftSignalled] | type[OpsSignalled]] = {
    "DriftSignalled": DriftSignalled,
    "OpsSignalled": OpsSignalled,
}

Item = TypeVar("Item")


def restore_alerts(connection: Connection, now_us: int) -> dict[str, Alert]:
    """Every alert by key, in range and with its waits held to the clock."""

    def read(text: str) -> Alert:
        alert = rederive_alert(repair_alert(alert_from(json.loads(text)), now_us), now_us)
        canonical_json(alert_record(alert)).encode()  # raises for a text that cannot be stored again
        return alert

    rows = connection.execute("SELECT key, record_json FROM alerts").fetchall()
    found: dict[str, Alert] = {}
    for name, text in rows:
        alert = read_row(connection, "alerts", name, text, read, now_us)
        if alert is None or alert.key != name:
            connection.execute("DELETE FROM alerts WHERE key = ?", (name,))
        if alert is not None:
            found[alert.key] = alert
            _note(name, text, canonical_json(alert_record(alert)), "alerts")
            state_store.save_alerts(connection, {alert.key: alert})
    return found


def restore_groups(connection: Connection, now_us: int, timing: Timing) -> dict[GroupKey, Group]:
    """Every group by receiver and key, likewise. timing: of groups that were stored without."""

    def read(text: str) -> Group:
        group = rederive(repair_group(group_from(json.loads(text), timing), now_us, timing), now_us)
        canonical_json(group_record(group)).encode()
        return group

    rows = connection.execute("SELECT receiver, key, record_json FROM alert_groups").fetchall()
    found: dict[GroupKey, Group] = {}
    for receiver, key, text in rows:
        group = read_row(connection, "alert_groups", f"{receiver} {key}", text, read, now_us)
        state_store.save_groups(connection, {(receiver, key): group})
        if group is not None:
            found[receiver, key] = group
            _note(key, text, canonical_json(group_record(group)), "alert_groups")
    return found


def restore_standing(connection: Connection, now_us: int) -> dict[str, Mapping[str, Signal]]:
    """The signals that stand."""

    def read(text: str) -> Mapping[str, Signal]:
        channels = {channel: SIGNALS[kind].from_record(record) for channel, (kind, record) in json.loads(text).items()}
        if not channels:
            raise ValueError("no signal stands")
        for event in channels.values():
            check_event(event)
        return channels

    found: dict[str, Mapping[str, Signal]] = {}
    for series, text in connection.execute("SELECT series, record_json FROM standing").fetchall():
        channels = read_row(connection, "standing", series, text, read, now_us)
        if channels is None:
            connection.execute("DELETE FROM standing WHERE series = ?", (series,))
        else:
            found[series] = channels
    return found


def restore_silences(connection: Connection, now_us: int) -> dict[str, Silence]:
    """Every silence by id."""
    found: dict[str, Silence] = {}
    for name, text in silences.stored(connection):
        silence = read_row(connection, "silences", name, text, silences.read, now_us)
        if silence is None:
            silences.forget(connection, name)
        else:
            found[name] = silence
    return found


def restore_progress(connection: Connection, now_us: int) -> dict[TopicPartition, Progress]:
    """How far each partition was handled; a newest time that no event has is now."""
    rows = connection.execute("SELECT topic, partition, next_offset, newest_us FROM offsets")
    return {
        TopicPartition(row[0], row[1]): Progress(row[2], int(repair_times({"newest_us": row[3]}, now_us)["newest_us"]))
        for row in rows
    }


def restore_outbox(connection: Connection, now_us: int) -> None:
    """Bring the events that wait for Kafka into range; one that cannot be read is put aside."""

    def read(text: str) -> str:
        return canonical_json(AlertChanged.from_record(repair_times(json.loads(text), now_us)).as_record())

    for position, text in connection.execute("SELECT position, record_json FROM outbox").fetchall():
        body = read_row(connection, "outbox", str(position), text, read, now_us)
        if body is None:
            connection.execute("DELETE FROM outbox WHERE position = ?", (position,))
        elif body != text:
            _note(str(position), text, body, "outbox")
            connection.execute("UPDATE outbox SET record_json = ? WHERE position = ?", (body, position))


def lost_notification(connection: Connection, delivery_id: str, text: str, now_us: int) -> Notification | None:
    """What a delivery said that was given up; None when that cannot be read."""

    def read(record_json: str) -> Notification:
        found = notification_from(json.loads(record_json))
        return replace(found, alerts=tuple(repair_alert(one, now_us) for one in found.alerts))

    return read_row(connection, "deliveries", delivery_id, text, read, now_us)


def read_row(
    connection: Connection, place: str, name: str, text: str, read: Callable[[str], Item], now_us: int
) -> Item | None:
    try:
        return read(text)
    except UNREADABLE as error:
        RESTORED.labels("damaged").inc()
        logger().error("stored_row_damaged", place=place, row=name, error=f"{type(error).__name__}: {error}"[:300])
        values = (now_us, place, text, f"{type(error).__name__}: {error}"[:300])
        connection.execute("INSERT INTO damaged (at_us, place, record_json, error) VALUES (?, ?, ?, ?)", values)
        return None


def _note(name: str, before: str, after: str, place: str) -> None:
    old, new = _times(before), _times(after)
    changed = sorted(path for path in old.keys() & new.keys() if old[path] != new[path])
    if changed:
        RESTORED.labels("repaired").inc()
        logger().warning("stored_row_repaired", place=place, row=name, fields=changed)


def _times(text: str) -> dict[str, Any]:
    record = json.loads(text)
    return {name: value for name, value in record.items() if isinstance(value, int | float)}
