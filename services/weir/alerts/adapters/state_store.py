"""State store: writes alerts, groups, signals that stand, offsets, and the events to be produced; `restore` reads them.

The database numbers the events it holds: source and boot epoch are fixed when it is made, so the numbers stay gapless
over restarts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from sqlite3 import Connection

from weir.alerts.core.grouping import Group
from weir.alerts.core.observation import Signal
from weir.alerts.core.snapshot import alert_record, group_record
from weir.alerts.core.state import Alert
from weir.events import AlertChanged, canonical_json
from weir.events.log import TopicPartition
from weir.events.trace_context import TraceContext, read_trace
from weir.runtime.kafka.relay import Unsent

TOPIC = "alerts"

GroupKey = tuple[str, str]
"""Receiver and group key."""


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

    def number(self, event: AlertChanged, before: int) -> AlertChanged:
        """The event with its number. before: events that get theirs in the same transaction before it."""
        return replace(event, source=self.source, boot_epoch=self.boot_epoch, seq=self.next_seq + before)


def set_up(connection: Connection, source: str, boot_epoch: int) -> None:
    """Fix source and boot epoch of a new database; an old one keeps its own."""
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('source', ?), ('boot_epoch', ?)", (source, str(boot_epoch)))
    connection.execute("INSERT OR IGNORE INTO meta VALUES ('next_seq', '0')")


def numbers(connection: Connection) -> Numbers:
    """The numbering as it stands."""
    facts = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    return Numbers(facts["source"], int(facts["boot_epoch"]), int(facts["next_seq"]))


def save_alerts(connection: Connection, alerts: Mapping[str, Alert | None]) -> None:
    """Write changed alerts by key; None takes one away."""
    for name, alert in alerts.items():
        if alert is None:
            connection.execute("DELETE FROM alerts WHERE key = ?", (name,))
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


def save_standing(connection: Connection, standing: Mapping[str, Mapping[str, Signal]]) -> None:
    """Write the signals that stand, by series and channel; a series without any is taken away."""
    for series, channels in standing.items():
        if not channels:
            connection.execute("DELETE FROM standing WHERE series = ?", (series,))
            continue
        record = {channel: [type(event).__name__, event.as_record()] for channel, event in channels.items()}
        connection.execute("INSERT OR REPLACE INTO standing VALUES (?, ?)", (series, canonical_json(record)))


def save_progress(connection: Connection, progress: Mapping[TopicPartition, Progress]) -> None:
    """Write how far partitions were handled."""
    for (topic, partition), one in progress.items():
        values = (topic, partition, one.next_offset, one.newest_us)
        connection.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?, ?)", values)


def put_events(connection: Connection, events: Iterable[AlertChanged], parents: Mapping[str, TraceContext]) -> None:
    """Queue numbered events for Kafka and count the numbers they took. parents: contexts they were made under, by id."""
    for event in events:
        body = canonical_json(event.as_record())
        trace = parents[event.event_id].below(event.span_id) if event.event_id in parents else None
        said = (trace.traceparent, trace.state) if trace else ("", "")
        columns = "key, record_json, traceparent, tracestate"
        connection.execute(f"INSERT INTO outbox ({columns}) VALUES (?, ?, ?, ?)", (event.fingerprint, body, *said))
        connection.execute("UPDATE meta SET value = ? WHERE key = 'next_seq'", (str(event.seq + 1),))


def waiting_events(connection: Connection, count_max: int) -> Sequence[Unsent[AlertChanged]]:
    """The first events that Kafka has not acknowledged."""
    columns = "position, record_json, traceparent, tracestate"
    rows = connection.execute(f"SELECT {columns} FROM outbox ORDER BY position LIMIT ?", (count_max,))
    events = [(row[0], AlertChanged.from_record(json.loads(row[1])), read_trace(row[2], row[3])) for row in rows]
    return [Unsent(position, TOPIC, one.fingerprint, one, trace) for position, one, trace in events]


def waiting_count(connection: Connection) -> int:
    """How many events Kafka has not acknowledged."""
    return int(connection.execute("SELECT count(*) FROM outbox").fetchone()[0])


def drop_sent(connection: Connection, last_position: int) -> None:
    """Forget events up to a position: Kafka has them."""
    connection.execute("DELETE FROM outbox WHERE position <= ?", (last_position,))
