"""A file that is no database stops no service; a lock is waited for and a database is never set aside for it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from weir.runtime.files import state_database
from weir.runtime.files.state_database import open_state_database


def prepared(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS kept (value TEXT)")


@pytest.mark.parametrize(
    "content", [b"", b"no database at all", b"SQLite format 3\x00" + b"\xff" * 84, b"\x00" * 4_096]
)
def test_a_file_that_is_no_database_is_set_aside_and_made_anew(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "above" / "state.db"
    file.parent.mkdir()
    file.write_bytes(content)
    (tmp_path / "above" / "state.db-wal").write_bytes(b"of the one before")

    connection = open_state_database(file, prepared)
    connection.execute("INSERT INTO kept VALUES ('new')")
    connection.close()

    again = open_state_database(file, prepared)
    assert again.execute("SELECT value FROM kept").fetchall() == [("new",)]
    again.close()


def test_what_a_table_refuses_is_no_reason_to_forget_the_database(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    holder = open_state_database(file, prepared)
    holder.execute("INSERT INTO kept VALUES ('old')")
    holder.execute("CREATE UNIQUE INDEX once ON kept (value)")

    with pytest.raises(sqlite3.IntegrityError):
        open_state_database(file, lambda connection: connection.execute("INSERT INTO kept VALUES ('old')"))

    assert holder.execute("SELECT value FROM kept").fetchall() == [("old",)]
    holder.close()
    assert not list(tmp_path.glob("*.refused"))


def test_what_stands_beside_a_refused_database_is_kept_with_it(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    holder = open_state_database(file, prepared)  # as long as it is open, SQLite removes nothing itself
    holder.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    file.write_bytes(b"no database at all")

    open_state_database(file, prepared).close()
    holder.close()

    assert (tmp_path / "state.db.refused").read_bytes() == b"no database at all"
    assert (tmp_path / "state.db-wal.refused").exists()
    assert (tmp_path / "state.db-shm.refused").exists()


def test_a_database_that_is_locked_is_no_reason_to_forget_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_database, "BUSY_S", 0.05)
    file = tmp_path / "state.db"
    holder = open_state_database(file, prepared)
    holder.execute("BEGIN EXCLUSIVE")

    with pytest.raises(sqlite3.OperationalError, match="locked"):
        open_state_database(file, lambda connection: connection.execute("INSERT INTO kept VALUES (1)"))
    holder.close()

    assert not (tmp_path / "state.db.refused").exists()
