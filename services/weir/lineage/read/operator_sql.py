"""SQL that people write, on handles, threads and limits of its own: checked, held against the engine's reading, run.

Whatever is asked here, inserts and the look at the disk go on: one core for a query, two queries at once, a short queue,
and bounds on seconds, memory and the answer. Times are UTC whatever the machine's zone is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import BoundedSemaphore
from typing import Any, TypeVar

import orjson
from clickhouse_connect.driver.exceptions import ClickHouseError

from weir.lineage.read.core.native_blocks import at_version, empty_block
from weir.lineage.read.core.sql_clauses import split
from weir.lineage.read.core.sql_formats import known_format
from weir.lineage.read.core.sql_gate import Checked, checked
from weir.lineage.read.core.sql_parameters import bound
from weir.lineage.read.core.sql_request import SqlRequest
from weir.lineage.read.core.sql_settings import TYPES_CHANGED_BY, Applied, Bounds, SettingRefused, applied
from weir.lineage.read.core.sql_tree import agree, explaining
from weir.lineage.read.raw_engine import RawAnswer, RawEngine
from weir.lineage.settings import LineageSettings
from weir.lineage.store.handle import Handle
from weir.lineage.store.store import QueryFailed, first_line, open_client, query_failure
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
ENGINE = "SELECT currentDatabase(), version()"

WRITTEN_FACTOR = 4
"""Bytes of a written answer for one byte of its values, at most. Chosen: JSON with a name before each value takes three."""

TOO_MANY = "Code: 396. DB::Exception: Limit for result exceeded, {}. (TOO_MANY_ROWS_OR_BYTES)"
"""The engine's words for an answer that is too large."""

Found = TypeVar("Found")


class SqlBusy(Exception):
    """Too many statements wait."""


def limits_of(settings: LineageSettings) -> dict[str, Any]:
    """The engine's own bounds on each statement, but for the rows of its answer."""
    return {
        "session_timezone": "UTC",
        "max_execution_time": settings.query_timeout_s,
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


@dataclass(frozen=True, slots=True)
class Written:
    """What a statement gives to a stock client."""

    data: bytes
    format: str
    timezone: str
    """Zone in which its times are written."""
    cost: RawAnswer
    """What the engine says of it."""


class OperatorSql:
    """Answers people's statements, a bounded number at once."""

    def __init__(self, settings: LineageSettings) -> None:
        self._rows_max = settings.query_rows_max
        self._bounds = Bounds(
            settings.query_rows_max,
            settings.sql_answer_bytes_max,
            settings.sql_memory_bytes_max,
            settings.query_timeout_s,
        )
        shared = limits_of(settings)
        limits = {**shared, "limit": settings.query_rows_max + 1}
        self._handles = [Handle(lambda: open_client(settings, limits)) for _ in range(AT_ONCE)]
        self._free = list(self._handles)
        self._threads = ThreadPoolExecutor(AT_ONCE, "operator-sql")
        self._in_flight: set[Future[Any]] = set()
        self._places = BoundedSemaphore(AT_ONCE + WAITING_MAX)
        with self._handles[0].take() as client:
            self._tables = frozenset(str(name) for (name,) in client.query(TABLES).result_rows)
            ((self.database, self.version),) = client.query(ENGINE).result_rows
        self._raw = RawEngine(settings, {**shared, "max_result_rows": settings.query_rows_max})
        # It warns of each WITH that holds an expression; what matters is raised.
        logging.getLogger("sqlglot").setLevel(logging.ERROR)

    async def ask(self, statement: str) -> Answer:
        """Rows of one statement. Raises SqlRefused, SqlBusy, StoreAway, or QueryFailed with the engine's words."""
        return await self._done(lambda: self._answered(statement))

    async def write(self, request: SqlRequest, pack: Callable[[bytes], bytes]) -> Written:
        """The answer to a stock client's request, packed. Raises as `ask` does; QueryFailed too for more rows than may be."""
        return await self._done(lambda: self._written(request, pack))

    async def _done(self, work: Callable[[], Found]) -> Found:
        """What the work gives, on a thread of its own, in its turn. Raises SqlBusy, and what the work raises."""
        if not self._places.acquire(blocking=False):
            raise SqlBusy(f"{AT_ONCE + WAITING_MAX} statements are in flight, the most there may be")
        done = self._threads.submit(work)
        self._in_flight.add(done)
        done.add_done_callback(self._ended)  # when the thread is through, whoever still waits for it
        return await asyncio.wrap_future(done)

    def close(self) -> bool:
        """Close the handles, `CLOSE_S` at the latest. False where a statement outlives its limits: nothing in this process
        can end it, so the process has to end without waiting for its threads.
        """
        self._threads.shutdown(wait=False, cancel_futures=True)
        if wait(set(self._in_flight), CLOSE_S).not_done:
            return False
        for handle in self._handles:
            handle.close()
        self._raw.close()
        return True

    def _ended(self, done: Future[Any]) -> None:
        self._in_flight.discard(done)
        self._places.release()

    def _written(self, request: SqlRequest, pack: Callable[[bytes], bytes]) -> Written:
        version = request.protocol_version
        clauses = split(bound(request.statement, request.values))
        format_name = known_format(clauses.format or request.format)
        asked = applied(_together(request.settings, clauses.settings), self._bounds)
        passed = checked(clauses.text, self._tables, self.database)
        handle = self._free.pop()  # there are as many handles as threads
        try:
            self._agree(handle, passed)
        finally:
            self._free.append(handle)
        found = self._raw.answer(passed.text, format_name, asked.settings)
        self._check_size(found, asked)
        data = found.data if format_name != "Native" else at_version(
            found.data or self._empty(passed, asked), version
        )  # fmt: skip
        return Written(pack(data), format_name, asked.settings.get("session_timezone", "UTC"), found)

    def _check_size(self, found: RawAnswer, asked: Applied) -> None:
        """Hold the bounds where the engine does not: in a statement without a table."""
        if found.rows is not None and found.rows > asked.rows_max and not asked.is_cut:
            raise QueryFailed(TOO_MANY.format(f"max rows: {asked.rows_max}, the answer has more"))
        bytes_max = WRITTEN_FACTOR * self._bounds.bytes_max
        if len(found.data) > bytes_max:
            raise QueryFailed(TOO_MANY.format(f"max bytes as written: {bytes_max}, the answer has {len(found.data)}"))

    def _empty(self, passed: Checked, asked: Applied) -> bytes:
        """The block of an answer without rows, for which the embedded engine writes nothing: the types it has with rows."""
        changed = {name: value for name, value in asked.settings.items() if name in TYPES_CHANGED_BY}
        settings = {**changed, "print_pretty_type_names": "0"}  # a type on one line, as in a block
        answer: RawAnswer = self._raw.answer(f"DESCRIBE TABLE ({passed.text})", "JSONCompact", settings)
        return empty_block([(str(row[0]), str(row[1])) for row in orjson.loads(answer.data)["data"]])

    def _agree(self, handle: Handle, passed: Checked) -> None:
        """The engine's own reading has the last word."""
        if passed.query is not None:
            agree(str(self._asked(handle, "command", explaining(passed.query))), passed.names)

    def _answered(self, statement: str) -> Answer:
        passed = checked(statement, self._tables, self.database)
        handle = self._free.pop()  # there are as many handles as threads
        try:
            self._agree(handle, passed)
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
            with handle.take() as client:
                result = getattr(client, way)(text)
                _ = getattr(result, "result_rows", None)
                return result
        except (ClickHouseError, OSError, BadSetting) as error:
            raise query_failure(error, first_line(error)) from error
        except Exception as error:  # the client makes Python values of any statement's types, and not all have one
            raise QueryFailed(f"the answer cannot be read: {error}; choose other types, as toString(...)") from error


def _together(arguments: Mapping[str, str], clause: Mapping[str, str]) -> dict[str, str]:
    """Settings of the URL and of the statement's own clause. Raises SettingRefused for one that is in both."""
    twice = sorted(set(arguments) & set(clause))
    if twice:
        raise SettingRefused(f"setting {twice[0][:100]!r} is in the URL and in the statement; send it once")
    return {**arguments, **clause}
