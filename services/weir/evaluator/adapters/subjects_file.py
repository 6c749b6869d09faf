"""The memory of calls on disk: one SQLite file, written before the messages that filled it are acknowledged.

So a killed evaluator remembers every call whose message will not come again, and its feedback scores are those that an
evaluator which was never killed would have given. WAL without a sync per commit: it survives the process, and after the
machine's death the messages of the last moments are handled from the log again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from weir.evaluator.core.subjects import Subject, subject_from, subject_record
from weir.events import canonical_json
from weir.runtime.errors import Retryable
from weir.runtime.files.state_database import open_state_database

TABLE = """
CREATE TABLE IF NOT EXISTS subjects (
    position INTEGER PRIMARY KEY, tenant TEXT NOT NULL, request_id TEXT NOT NULL, record_json TEXT NOT NULL,
    UNIQUE (tenant, request_id))
"""

UPSERT = """
INSERT INTO subjects (tenant, request_id, record_json) VALUES (?, ?, ?)
ON CONFLICT (tenant, request_id) DO UPDATE SET record_json = excluded.record_json
"""


class SubjectsFile:
    """The newest `entries_max` calls, in the order in which they were first met. For the event loop's thread alone."""

    def __init__(self, file: Path, entries_max: int) -> None:
        """file: made when missing, its folder too; one that is no database is set aside."""
        self._entries_max = entries_max
        self._connection = open_state_database(file, _with_table)

    def load(self) -> list[Subject]:
        """What is kept, oldest first."""
        rows = self._connection.execute(
            "SELECT record_json FROM (SELECT * FROM subjects ORDER BY position DESC LIMIT ?) ORDER BY position",
            (self._entries_max,),
        )
        return [subject_from(row[0]) for row in rows]

    def save(self, subjects: Sequence[Subject]) -> None:
        """Keep more calls and forget the oldest beyond the bound. Raises Retryable when the disk refuses."""
        if not subjects:
            return
        try:
            self._write(subjects)
        except sqlite3.OperationalError as error:
            raise Retryable(f"the memory of calls was not written: {error}; free some space") from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write(self, subjects: Iterable[Subject]) -> None:
        rows = [(one.tenant, one.request_id, canonical_json(subject_record(one))) for one in subjects]
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(UPSERT, rows)
            self._connection.execute(
                "DELETE FROM subjects WHERE position <= (SELECT max(position) FROM subjects) - ?", (self._entries_max,)
            )
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")


def _with_table(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(TABLE)
