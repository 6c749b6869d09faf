"""State databases: the SQLite files of services, opened or, when they are none any more, set aside and made anew.

The same rule as for state files (`runtime.files.state_file`): what a service can do without never stops it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from weir.runtime.files.disk import DISK, Disk
from weir.runtime.files.durable import private_folder
from weir.runtime.files.state_file import set_aside

BESIDE = ("-wal", "-shm")
"""Files that SQLite keeps beside a database; they belong to the one that is set aside."""

NO_DATABASE = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
"""SQLite's words for a file that is no database, or one no more; the low byte of a code, the rest are details. All
others (a lock, a full disk, a row that a table refuses) say nothing about the file."""

BUSY_S = 10.0
"""Seconds to wait for another process, such as a person with the sqlite3 shell. Arbitrary: any value does that is longer
than a write (milliseconds) and shorter than a person waits for a start."""

Prepare = Callable[[sqlite3.Connection], object]


def open_state_database(
    file: Path, prepare: Prepare, *, is_for_one_thread: bool = True, disk: Disk = DISK
) -> sqlite3.Connection:
    """The database in `file`, made when missing, its folder too; a file that is no database is set aside first, with what
    SQLite keeps beside it.

    prepare: sets the connection up and makes the tables. Raises sqlite3.DatabaseError for whatever says nothing about the
    file: the disk or a lock refuses (OperationalError), `prepare` writes what a table refuses. Raises OSError when the
    file cannot be set aside.
    """
    private_folder(file.parent, disk=disk)
    try:
        return _open(file, prepare, is_for_one_thread)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode & 0xFF not in NO_DATABASE:
            raise
        for name in BESIDE:
            beside = file.with_name(file.name + name)
            if beside.exists():
                disk.rename(beside, beside.with_name(beside.name + ".refused"))
        set_aside(file, str(error), disk=disk)
        return _open(file, prepare, is_for_one_thread)


def _open(file: Path, prepare: Prepare, is_for_one_thread: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=is_for_one_thread)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection
