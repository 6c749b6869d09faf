"""Database: the engine, and the two kinds of transaction.

A writer locks first and reads after, so that every decision is made on what it will be written on; readers never wait.
SQLite runs with a write-ahead log; PostgreSQL works the same by the row lock, and a reader's transaction is one snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, insert, select, update
from sqlalchemy.pool import ConnectionPoolEntry

from weir.registry.adapters.tables import META, METADATA
from weir.runtime.files.durable import private_folder

BUSY_MS = 10_000
"""Milliseconds SQLite waits for another writer. Chosen: a write takes a few."""

ONE_STATE = "REPEATABLE READ"
"""Isolation of a server's readers: the least one in which all statements of a transaction see one state. SQLite's always do."""

WRITER = "writer"
"""Row of META that a writer locks."""


class Database:
    """One SQL database with the registry's tables, made when missing."""

    def __init__(self, url: str | URL) -> None:
        """url: SQLAlchemy URL, for example sqlite:///registry.db. Raises SQLAlchemyError when it is unusable."""
        # Asked before it is used: a server that was restarted has closed its connections. SQLite answers in microseconds.
        self._engine = create_engine(url, pool_pre_ping=True)
        if self._engine.dialect.name == "sqlite":
            if self._engine.url.database:
                private_folder(Path(self._engine.url.database).parent, is_ours=False)
            _set_up_sqlite(self._engine)
            self._readers = self._engine
        else:
            self._readers = self._engine.execution_options(isolation_level=ONE_STATE)
        METADATA.create_all(self._engine)
        with self._engine.begin() as connection:
            if connection.scalar(select(META.c.value).where(META.c.key == WRITER)) is None:
                connection.execute(insert(META).values(key=WRITER, value=""))

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer runs beside; committed at the end, rolled back on an error."""
        with self._engine.begin() as connection:
            connection.execute(update(META).where(META.c.key == WRITER).values(value=""))
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for reading one consistent state."""
        with self._readers.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: object, _: ConnectionPoolEntry) -> None:
        # The driver's own transaction handling starts them late; BEGIN below is ours.
        connection.isolation_level = None  # type: ignore[attr-defined]  # sqlite3.Connection, untyped in this hook
        cursor = connection.cursor()  # type: ignore[attr-defined]  # sqlite3.Connection, untyped in this hook
        for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_MS}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")
