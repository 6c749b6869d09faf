"""States of the quality alarms in one SQLite file: one transaction writes them with the positions they are true for."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from dataclasses import astuple
from pathlib import Path

from weir.detectors.scores.stream import STREAM, ScoreStream, StreamKey
from weir.drift.core.checkpoint import LogPosition
from weir.drift.quality.adapters.metrics import STATES_REFUSED
from weir.drift.quality.core.ports import Saved
from weir.events.log import TopicPartition
from weir.runtime.errors import Retryable
from weir.runtime.files.state_database import open_state_database
from weir.runtime.telemetry.logs import logger
from weir.state import StateError

TABLES = """
CREATE TABLE IF NOT EXISTS states (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, name TEXT NOT NULL, record BLOB NOT NULL,
    PRIMARY KEY (topic, partition, name));
CREATE TABLE IF NOT EXISTS places (
    topic TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL, timestamp_us INTEGER NOT NULL,
    PRIMARY KEY (topic, partition));
"""


class SqliteQualityStore:
    """One open file. Used by one thread at a time."""

    def __init__(self, file: Path) -> None:
        """file: made when missing, its folder too; one that is no database is set aside, and every stream warms again."""
        self._connection = open_state_database(file, _with_tables, is_for_one_thread=False)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def load(self) -> Saved:
        """All readable states. Another is counted and logged, and its stream warms again."""
        states: dict[tuple[TopicPartition, StreamKey], ScoreStream] = {}
        for topic, partition, name, record in self._connection.execute("SELECT * FROM states ORDER BY 1, 2, 3"):
            try:
                state = STREAM.decode(record)
            except StateError as error:
                STATES_REFUSED.inc()
                logger().error("quality_state_refused", name=name, error=str(error), effect="the stream warms again")
                continue
            states[TopicPartition(topic, partition), state.key] = state
        rows = self._connection.execute("SELECT topic, partition, offset, timestamp_us FROM places")
        positions = {TopicPartition(topic, partition): LogPosition(partition, *at) for topic, partition, *at in rows}
        return Saved(states, positions)

    def save(
        self,
        states: Iterable[tuple[TopicPartition, ScoreStream]],
        gone: Iterable[tuple[TopicPartition, StreamKey]],
        positions: Iterable[tuple[TopicPartition, LogPosition]],
    ) -> None:
        """One transaction; about 0.1 ms a state and one sync of the disk."""
        removed = [(source.topic, source.partition, _name(key)) for source, key in gone]
        rows = [(one.topic, one.partition, _name(state.key), STREAM.encode(state)) for one, state in states]
        marks = [(one.topic, one.partition, at.offset, at.timestamp_us) for one, at in positions]
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(
                    "DELETE FROM states WHERE topic = ? AND partition = ? AND name = ?", removed
                )
                self._connection.executemany("INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?)", rows)
                self._connection.executemany("INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?)", marks)
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise Retryable(f"cannot write the quality states: {error}; free space or mend the disk") from error


def _name(key: StreamKey) -> str:
    return hashlib.sha256("\n".join(astuple(key)).encode()).hexdigest()[:32]


def _with_tables(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    connection.executescript(TABLES)
