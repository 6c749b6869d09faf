"""State store: alerts, groups, offsets, and the events to be produced.

The database numbers the events it holds: source and boot epoch are fixed when it is made, so the numbers stay gapless
over restarts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from sqlite3 import Connection

from weir.alerts.core.grouping import Group
from weir.alerts.core.snapshot import alert_from, alert_record, group_from, group_record
from weir.alerts.core.state import Alert
from weir.events import AlertChanged, canonical_json

GroupKey = tuple[str, str]
"""Receiver and group key."""

Place = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a partition was handled. newest_us: newest event time met."""

    next_offset: int
    newest_us: int


@dataclass(frozen=True, slots=True)
class Numbers:
    """Source and boot epoch of this database's events, and the number of the next one."""

    source: str
    boot_epoch: int
    next_seq: int


def set_up(connection: Connection, source: str, boot_epoch: int) -> None:
    """Fix source and boot epoch of a new database; an old one keeps its own."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('source', ?), ('boot_epoch', ?)", (source, str(boot_epoch)))
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('next_seq', '0')")


def numbers(connection: Connection) -> Numbers:
    """The numbering as it stands."""
    facts = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    return Numbers(facts["source"], int(facts["boot_epoch"]), int(facts["next_seq"]))


def load_alerts(connection: Connection) -> dict[str, Alert]:
    """Every alert by fingerprint."""
    rows = connection.execute("SELECT record_json FROM alerts")
    alerts = [alert_from(json.loads(row[0])) for row in rows]
    return {alert.fingerprint: alert for alert in alerts}


def load_groups(connection: Connection) -> dict[GroupKey, Group]:
    """Every group by receiver and key."""
    groups = [group_from(json.loads(row[0])) for row in connection.execute("SELECT record_json FROM alert_groups")]
    return {(group.receiver, group.key): group for group in groups}


def load_progress(connection: Connection) -> dict[Place, Progress]:
    """How far each partition was handled."""
    rows = connection.execute("SELECT topic, partition, next_offset, newest_us FROM offsets")
    return {(row[0], row[1]): Progress(row[2], row[3]) for row in rows}


def save_alerts(connection: Connection, alerts: Mapping[str, Alert | None]) -> None:
    """Write changed alerts; None takes one away."""
    for name, alert in alerts.items():
        if alert is None:
            connection.execute("DELETE FROM alerts WHERE fingerprint = ?", (name,))
        else:
            body = canonical_json(alert_record(alert))
            connection.execute("INSERT OR REPLACE INTO alerts VALUES (?, ?)", (name, body))


def save_groups(connection: Connection, groups: Mapping[GroupKey, Group | None]) -> None:
    """Write changed groups; None takes one away."""
    for (receiver, key), group in groups.items():
        if group is None:
            connection.execute("DELETE FROM alert_groups WHERE receiver = ? AND key = ?", (receiver, key))
        else:
            body = canonical_json(group_record(group))
            connection.execute("INSERT OR REPLACE INTO alert_groups VALUES (?, ?, ?)", (receiver, key, body))


def save_progress(connection: Connection, progress: Mapping[Place, Progress]) -> None:
    """Write how far partitions were handled."""
    for (topic, partition), one in progress.items():
        values = (topic, partition, one.next_offset, one.newest_us)
        connection.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?, ?)", values)


def put_events(connection: Connection, events: Iterable[AlertChanged]) -> None:
    """Queue numbered events for Kafka and count the numbers they took."""
    for event in events:
        body = canonical_json(event.as_record())
        connection.execute("INSERT INTO outbox (key, record_json) VALUES (?, ?)", (event.fingerprint, body))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'next_seq'", (str(event.seq + 1),))


def waiting_events(connection: Connection, count_max: int) -> Sequence[tuple[int, AlertChanged]]:
    """The first events that Kafka has not acknowledged, with their positions."""
    rows = connection.execute("SELECT position, record_json FROM outbox ORDER BY position LIMIT ?", (count_max,))
    return [(row[0], AlertChanged.from_record(json.loads(row[1]))) for row in rows]


def waiting_count(connection: Connection) -> int:
    """How many events Kafka has not acknowledged."""
    return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])


def drop_sent(connection: Connection, last_position: int) -> None:
    """Forget events up to a position: Kafka has them."""
    connection.execute("DELETE FROM outbox WHERE position <= ?", (last_position,))
