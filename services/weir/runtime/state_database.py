"""State databases: the SQLite files of services, opened or, when they are none any more, set aside and made anew.

The same rule as for state files (`runtime.state_file`): what a service can do without never stops it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

from weir.runtime.durable import private_folder
from weir.runtime.state_file import set_aside

BESIDE = ("-wal", "-shm")
"""Files that SQLite keeps beside a database; they belong to the one that is set aside."""

BUSY_S = 10.0
"""Seconds to wait for another process, such as a person with the sqlite3 shell. Chosen."""

Prepare = Callable[[sqlite3.Connection], object]


def open_state_database(file: Path, prepare: Prepare, *, is_for_one_thread: bool = True) -> sqlite3.Connection:
    """The database in `file`, made when missing, its folder too; a file that is no database is set aside first.

    prepare: sets the connection up and makes the tables. Raises sqlite3.OperationalError when the disk or a lock refuses:
    that is no statement about the file's content.
    """
    private_folder(file.parent)
    try:
        return _opened(file, prepare, is_for_one_thread)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        for name in BESIDE:
            file.with_name(file.name + name).unlink(missing_ok=True)
        set_aside(file, str(error))
        return _opened(file, prepare, is_for_one_thread)


def _opened(file: Path, prepare: Prepare, is_for_one_thread: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=BUSY_S, isolation_level=None, check_same_thread=is_for_one_thread)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        prepare(connection)
    except BaseException:
        connection.close()
        raise
    return connection
