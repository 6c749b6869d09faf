"""ClickHouse: embedded (chDB, the engine in this process) or a server, through the same client and the same SQL.

Two handles always: one inserts, one queries. Measured: an insert beside a slow query takes 15 times longer on one
handle and twice as long on two. A third looks at the disk, which cannot wait for a query; a fourth fills tables from others,
for which neither may wait. What people write has handles of its own (`operator_sql`). A handle that reads is thrown away
after an error (`handle`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError

from weir.lineage.settings import LineageSettings
from weir.lineage.store.handle import Handle
from weir.runtime.errors import BadSetting
from weir.runtime.files.durable import private_folder

TRANSIENT_CODES = {
    # the machine: timeouts, too many queries, network, memory, files, disk full, too many parts, read-only, shutting down
    74, 75, 76, 159, 160, 164, 202, 203, 209, 210, 225, 236, 241, 242, 243, 252, 279, 319, 394, 425, 473, 999,
    # the deploy: unknown table, database, setting or user, wrong password, no right; every row would be refused
    60, 81, 115, 192, 193, 194, 497, 516,
}  # fmt: skip
"""ClickHouse error codes that say nothing against the rows. Source: ErrorCodes.cpp of ClickHouse. The first line is mended by
time alone, the second by a person, whom the readiness page calls after `WEIR_LINEAGE_STALL_S`."""

PARTITIONS_MAX = 1_100
"""Partitions of one insert: more than there are months in the times that are accepted (`weir.events.ranges`), so no block of
accepted rows has too many. The engine's default of 100 would refuse the same rows for ever."""

TOO_MANY_PARTS, TOO_MANY_PARTITIONS = 252, "partitions for single INSERT block"
"""One code, two meanings: parts are merged in time; the partitions of a block stay as many as they are."""

QUERY_MEMORY = "Query memory limit exceeded"
"""How the engine says that this statement needs more than it may; a server that is short as a whole says "(total)"."""

VALUES_QUOTED = re.compile(r"\.? ?(?:Expression|Column values):.*", re.DOTALL)
"""Where the engine quotes the row that it refuses: that is text of users, and goes into no log."""

CODE = re.compile(r"[Cc]ode:? (\d+)")
"""How the engine and its HTTP interface name a code; a text without one is not the engine's."""


CONNECT_TIMEOUT_S = 5
"""Seconds for a connection to a server. Arbitrary: one takes milliseconds; any value from 1 to 10 would do."""


class StoreDown(Exception):
    """The store cannot take this now; the same insert may succeed later."""


class BlockTooLarge(StoreDown):
    """The memory that one insert may take is too little for this block; a smaller one may fit."""


class RowsRefused(Exception):
    """The store read the block and refused it: at least one row is bad."""


class QueryFailed(Exception):
    """A query failed; the text is the engine's."""


class StoreAway(QueryFailed):
    """The server was not reached, or did not answer: the engine said nothing of the query."""


class Store:
    """The tables, behind an insert handle and a query handle."""

    def __init__(self, settings: LineageSettings) -> None:
        """Opens both handles. Raises BadSetting when another process owns the embedded directory."""
        self._settings = settings
        self._insert = open_client(settings)
        self._query = Handle(lambda: open_client(settings))
        self._disk = Handle(lambda: open_client(settings))
        self._derive = Handle(lambda: open_client(settings))

    def command(self, sql: str) -> None:
        """Run one statement on the insert handle (migrations). Raises the client's error."""
        self._insert.command(sql)

    def insert_container(self, table: str, block: bytes, token: str) -> None:
        """Insert an Avro container under a token; the same token twice is one insert.

        Raises StoreDown, BlockTooLarge or RowsRefused.
        """
        settings = {
            "insert_deduplication_token": token,
            "insert_deduplicate": 1,
            "deduplicate_blocks_in_dependent_materialized_views": 1,
            "max_insert_block_size": 1_000_000,
            # With more threads the checks of the table are analysed once for each (2 to 6 ms); a block is too small to share.
            "max_threads": 1,
            "max_insert_threads": 1,
            "max_partitions_per_insert_block": PARTITIONS_MAX,
            "max_memory_usage": self._settings.insert_memory_bytes_max,
            "min_free_disk_bytes_to_perform_insert": self._settings.disk_reserve_bytes,
            # A message written before a column was added lacks its field; refusing it would dead-letter what was sound.
            "input_format_avro_allow_missing_fields": 1,
        }
        try:
            self._insert.raw_insert(table, insert_block=block, fmt="Avro", settings=settings)
        except ClickHouseError as error:
            if QUERY_MEMORY in _text(error):
                raise BlockTooLarge(first_line(error)) from error
            if _is_transient(error):
                raise StoreDown(first_line(error)) from error
            raise RowsRefused(VALUES_QUOTED.sub("", first_line(error))) from None
        except OSError as error:
            raise StoreDown(repr(error)) from error

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows of a query as dictionaries; parameters are bound by the engine. Raises QueryFailed."""
        with _failing_as_query(), self._query.take() as client:
            result = client.query(sql, parameters=dict(parameters or {}), settings=self._limits())
            return [dict(zip(result.column_names, row, strict=True)) for row in result.result_rows]

    def derive(self, sql: str, parameters: Mapping[str, Any]) -> None:
        """Run one statement that fills a table of the store from another. Raises QueryFailed."""
        settings = {"max_memory_usage": self._settings.query_bytes_max, "max_threads": 1, "session_timezone": "UTC"}
        with _failing_as_query(), self._derive.take() as client:
            client.command(sql, parameters=dict(parameters), settings=settings)

    def free_bytes(self) -> int:
        """Free bytes of the fullest disk. Raises QueryFailed."""
        with _failing_as_query(), self._disk.take() as client:
            return min(int(free) for (free,) in client.query("SELECT free_space FROM system.disks").result_rows)

    def let_merge(self, may: bool) -> None:
        """Let the tables of this database merge, or stop them and what is merging now. Raises QueryFailed, the engine's
        where the user lacks the right SYSTEM MERGES.
        """
        tables = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        with _failing_as_query(), self._disk.take() as client:
            for (table,) in client.query(tables).result_rows:
                client.command(f"SYSTEM {'START' if may else 'STOP'} MERGES {table}")

    def close(self) -> None:
        """Close the handles."""
        self._insert.close()
        self._query.close()
        self._disk.close()
        self._derive.close()

    def _limits(self) -> dict[str, Any]:
        return {
            "max_execution_time": self._settings.query_timeout_s,
            "max_result_rows": self._settings.query_rows_max,
            "result_overflow_mode": "throw",
            "max_memory_usage": self._settings.query_bytes_max,
            "max_threads": 2,
            "session_timezone": "UTC",
        }


@contextmanager
def _failing_as_query() -> Iterator[None]:
    try:
        yield
    except (ClickHouseError, OSError, BadSetting) as error:
        raise query_failure(error, first_line(error)) from error


def query_failure(error: Exception, text: str) -> QueryFailed:
    """What a query's error is to who asked it. text: the error's, as it is to be shown."""
    is_silent = isinstance(error, OSError | OperationalError) and CODE.search(_text(error)) is None
    return StoreAway(text) if is_silent else QueryFailed(text)


def open_client(settings: LineageSettings, limits: Mapping[str, Any] | None = None) -> Any:
    """A client of the engine or the server. limits: settings of every statement.

    Raises BadSetting when the embedded store cannot be opened, the client's own error when the server does not answer.
    """
    given: dict[str, Any] = {"settings": dict(limits)} if limits else {}
    if settings.clickhouse_url:
        place = urlsplit(settings.clickhouse_url)
        return clickhouse_connect.get_client(
            host=place.hostname or "localhost",
            port=place.port or 8123,
            username=place.username or "default",
            password=settings.clickhouse_password(),
            database=place.path.strip("/") or "default",
            connect_timeout=CONNECT_TIMEOUT_S,
            send_receive_timeout=settings.store_timeout_s,
            **given,
        )
    return _embedded(settings.store_dir, given)


def _embedded(folder: Path, given: Mapping[str, Any]) -> Any:
    private_folder(folder)
    try:
        return clickhouse_connect.get_client(interface="chdb", path=str(folder), **given)
    except Exception as error:  # the engine raises its own kinds; each means that this directory cannot be opened
        raise BadSetting(
            f"cannot open the store in {folder}: is another lineage using it? ({first_line(error)})"
        ) from error


def _is_transient(error: Exception) -> bool:
    """Whether the same rows may be taken later. No code at all: the engine was not reached, or did not answer."""
    text = _text(error)
    code = CODE.search(text)
    if code is None:
        return True
    if int(code[1]) == TOO_MANY_PARTS and TOO_MANY_PARTITIONS in text:
        return False
    return int(code[1]) in TRANSIENT_CODES


def _text(error: BaseException) -> str:
    """What the engine said. Where it quotes bytes that are no text, the client fails in its turn and keeps them."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, UnicodeDecodeError):
            return cause.object.decode(errors="replace")
        cause = cause.__cause__ or cause.__context__
    return str(error)


def failure_text(error: Exception) -> str:
    """What the engine said, for a person who asked it; at most 2,000 characters."""
    return _text(error)[:2_000] or repr(error)


def first_line(error: Exception) -> str:
    """The first line of an error's text, at most 500 characters."""
    text = _text(error)
    return text.splitlines()[0][:500] if text else repr(error)
