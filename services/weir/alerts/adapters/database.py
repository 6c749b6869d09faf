"""Database: the one SQLite file of alerts, its tables, and its transaction.

Used from the event loop's thread only; a transaction takes a few milliseconds and nothing here is in a caller's way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weir.runtime.files.state_database import open_state_database

TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS offsets (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, next_offset INTEGER NOT NULL, newest_us INTEGER NOT NULL,
    PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS alerts (fingerprint TEXT PRIMARY KEY, record_json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS alert_groups (
    receiver TEXT NOT NULL, key TEXT NOT NULL, record_json TEXT NOT NULL, PRIMARY KEY (receiver, key));
CREATE TABLE IF NOT EXISTS outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, record_json TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    position INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, receiver TEXT NOT NULL,
    group_key TEXT NOT NULL, status TEXT NOT NULL, body BLOB NOT NULL, state TEXT NOT NULL,
    tries INTEGER NOT NULL, next_try_us INTEGER NOT NULL, created_us INTEGER NOT NULL, finished_us INTEGER NOT NULL,
    error TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_waiting ON deliveries (receiver, state, position);
CREATE TABLE IF NOT EXISTS tries (
    delivery TEXT NOT NULL, number INTEGER NOT NULL, at_us INTEGER NOT NULL, http_status INTEGER NOT NULL,
    latency_ms REAL NOT NULL, error TEXT NOT NULL, PRIMARY KEY (delivery, number, at_us));
CREATE TABLE IF NOT EXISTS receivers_off (receiver TEXT PRIMARY KEY, at_us INTEGER NOT NULL);
"""

MIGRATIONS = (
    # 1: tries are called attempts everywhere, and a delivery knows how long it waited.
    """
ALTER TABLE tries RENAME TO attempts;
ALTER TABLE deliveries RENAME COLUMN tries TO attempts;
ALTER TABLE deliveries ADD COLUMN waited_us INTEGER NOT NULL DEFAULT 0;
""",
    # 2: alerts have a name that no edit of their rule changes; signals that stand, silences and who changed them; what a
    # delivery says, for the case that it never arrives; rows that cannot be read.
    """
ALTER TABLE alerts RENAME COLUMN fingerprint TO key;
CREATE TABLE standing (series TEXT PRIMARY KEY, record_json TEXT NOT NULL);
CREATE TABLE silences (id TEXT PRIMARY KEY, record_json TEXT NOT NULL);
CREATE TABLE silence_log (
    position INTEGER PRIMARY KEY AUTOINCREMENT, silence TEXT NOT NULL, at_us INTEGER NOT NULL, action TEXT NOT NULL,
    author TEXT NOT NULL, record_json TEXT NOT NULL);
CREATE TABLE damaged (
    position INTEGER PRIMARY KEY AUTOINCREMENT, at_us INTEGER NOT NULL, place TEXT NOT NULL, record_json TEXT NOT NULL,
    error TEXT NOT NULL);
ALTER TABLE deliveries ADD COLUMN notification_json TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN is_untold INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_untold ON deliveries (position) WHERE is_untold = 1;
""",
    # 3: the trace that an event and a delivery belong to, and the alerts that a delivery speaks of besides the first.
    """
ALTER TABLE outbox ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN tracestate TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN tracestate TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN links TEXT NOT NULL DEFAULT '';
""",
    # 4: which alerts a delivery speaks of, for the list of deliveries.
    """
ALTER TABLE deliveries ADD COLUMN alertnames TEXT NOT NULL DEFAULT '';
""",
    # 5: windows of calls, and the ids of the calls in them.
    """
CREATE TABLE call_series (key TEXT PRIMARY KEY, record_json TEXT NOT NULL);
CREATE TABLE call_panes (
    series TEXT NOT NULL, start_us INTEGER NOT NULL, record_json TEXT NOT NULL, PRIMARY KEY (series, start_us));
CREATE TABLE call_ids (position INTEGER PRIMARY KEY AUTOINCREMENT, event_id TEXT NOT NULL UNIQUE);
""",
)
"""What brought the tables above to their present shape, oldest first; SQLite's user_version counts those applied."""


class Database:
    """One open file. The groups of statements that belong together run inside `transaction`."""

    def __init__(self, file: Path) -> None:
        """file: made when missing, its folder too; one that is no database is set aside."""
        self.connection = open_state_database(file, _bring_up_to_date)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is written inside, or none."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def _bring_up_to_date(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    applied = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if not applied:
        connection.executescript(TABLES)
    for number, script in enumerate(MIGRATIONS[applied:], start=applied + 1):
        # One transaction with its number: a kill in between leaves the shape that the number says.
        connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")
