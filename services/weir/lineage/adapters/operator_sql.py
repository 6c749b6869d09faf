"""SQL that people write, on handles, threads and limits of its own: checked, held against the engine's reading, run.

Whatever is asked here, inserts and the look at the disk go on: one core for a query, two queries at once, a short queue,
and bounds on seconds, memory and the answer. Times are UTC whatever the machine's zone is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from weir.lineage.adapters.handle import Handle
from weir.lineage.adapters.store import QueryFailed, first_line, open_client
from weir.lineage.core.sql_gate import checked
from weir.lineage.core.sql_tree import agree, explaining
from weir.lineage.settings import LineageSettings
from weir.runtime.errors import BadSetting

AT_ONCE = 2
"""Statements that run at once. Chosen: half of what two cores do, while each takes one thread."""

WAITING_MAX = 8
"""Statements that wait for their turn; one more is refused. Chosen: with 10 s for each the last waits 40 s."""

CLOSE_S = 2.0
"""Seconds that the end waits for a statement in the engine. Chosen: the supervisor gives ten to the whole service."""

BLOCK_ROWS_MAX, BLOCK_BYTES = 8_192, 1_048_576
"""Rows and bytes that are worked at between two looks at the clock, where they come from the store. Chosen: an eighth of
the engine's own."""

RANGE_ITEMS_MAX = 1_000_000
"""Numbers that range() may make for one block of rows; the engine's own bound is 500 million."""

TABLES = "SELECT name FROM system.tables WHERE database = currentDatabase()"


class SqlBusy(Exception):
    """Too many statements wait."""


def limits_of(settings: LineageSettings) -> dict[str, Any]:
    """The engine's own bounds on each statement."""
    return {
        "session_timezone": "UTC",
        "max_execution_time": settings.query_timeout_s,
        "limit": settings.query_rows_max + 1,
        "max_result_bytes": settings.sql_answer_bytes_max,
        "result_overflow_mode": "throw",
        "max_memory_usage": settings.sql_memory_bytes_max,
        "max_threads": 1,
        "max_block_size": BLOCK_ROWS_MAX,
        "preferred_block_size_bytes": BLOCK_BYTES,
        "function_range_max_elements_in_block": RANGE_ITEMS_MAX,
        "readonly": 1,
    }


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gives."""

    columns: Sequence[str]
    rows: list[Sequence[Any]]
    is_truncated: bool
    """Whether there are more rows than may be answered."""


class OperatorSql:
    """The desk at which people's statements are answered."""

    def __init__(self, settings: LineageSettings) -> None:
        self._rows_max = settings.query_rows_max
        limits = limits_of(settings)
        self._handles = [Handle(lambda: open_client(settings, limits)) for _ in range(AT_ONCE)]
        self._free = list(self._handles)
        self._threads = ThreadPoolExecutor(AT_ONCE, "operator-sql")
        self._in_hand: set[Future[Answer]] = set()
        self._places = BoundedSemaphore(AT_ONCE + WAITING_MAX)
        with self._handles[0].taken() as client:
            self._tables = frozenset(str(name) for (name,) in client.query(TABLES).result_rows)
        # It warns of each WITH that holds an expression; what matters is raised.
        logging.getLogger("sqlglot").setLevel(logging.ERROR)

    async def ask(self, statement: str) -> Answer:
        """Rows of one statement. Raises SqlRefused, SqlBusy, or QueryFailed with the engine's words."""
        if not self._places.acquire(blocking=False):
            raise SqlBusy(f"{AT_ONCE + WAITING_MAX} statements are in hand, the most there may be")
        done = self._threads.submit(self._answered, statement)
        self._in_hand.add(done)
        done.add_done_callback(self._ended)  # when the thread is through, whoever still waits for it
        return await asyncio.wrap_future(done)

    def close(self) -> bool:
        """Close the handles, `CLOSE_S` at the latest. False where a statement outlives its limits: nothing in this process
        can end it, so the process has to end without waiting for its threads.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        if wait(set(self._in_hand), CLOSE_S).not_done:
            return False
        for handle in self._handles:
            handle.close()
        return True

    def _ended(self, done: Future[Answer]) -> None:
        self._in_hand.discard(done)
        self._places.release()

    def _answered(self, statement: str) -> Answer:
        passed = checked(statement, self._tables)
        handle = self._free.pop()  # there are as many handles as threads
        try:
            if not passed.is_described:
                agree(str(self._asked(handle, "command", explaining(passed.text))), passed.names)
            result = self._asked(handle, "query", passed.text)
            columns = result.column_names or self._columns(handle, passed.text)
        finally:
            self._free.append(handle)
        rows = list(result.result_rows)
        return Answer(columns, rows[: self._rows_max], len(rows) > self._rows_max)

    def _columns(self, handle: Handle, text: str) -> Sequence[str]:
        """Names of a query's columns: the embedded engine's answer without rows has none. Brackets keep it one query."""
        described = self._asked(handle, "query", f"DESCRIBE TABLE ({text})")
        return [str(row[0]) for row in described.result_rows]

    def _asked(self, handle: Handle, way: str, text: str) -> Any:
        """What the client's method `way` gives, read to its end while an error still throws the handle away."""
        try:
            with handle.taken() as client:
                result = getattr(client, way)(text)
                _ = getattr(result, "result_rows", None)
                return result
        except (ClickHouseError, OSError, BadSetting) as error:
            raise QueryFailed(first_line(error)) from error
        except Exception as error:  # the client makes Python values of any statement's types, and not all have one
            raise QueryFailed(f"the answer cannot be read: {error}; choose other types, as toString(...)") from error
