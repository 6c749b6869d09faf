"""`PYTHONPATH=tests python -m chaos.engine_on_full_disk [RESERVE_BYTES]`: does ClickHouse itself keep what it has stored
when something else fills its disk to the last byte, again and again? Needs root.

Without a reserve it does not: some time a merge puts a part that cannot be read in the place of stored rows. With one (of
100 MB, say) inserts are refused below it, and merges are stopped as `weir.lineage.store.disk_guard` stops them. No service of
ours runs here; the engine is the one of the tests, behind HTTP. Exit code 1 when rows were lost.
"""

from __future__ import annotations

import sys
import threading
import time
from itertools import count
from math import inf
from pathlib import Path

import httpx2

from chaos.faults.clickhouse import FILLED_BYTES_A_SECOND
from chaos.faults.spool import fill, small_disk
from harness.stack.second_store import FRONT
from harness.stack.service_process import ServiceProcess, free_port
from harness.waiting import lasts
from weir.lineage.core.disk import NEAR_S, may_merge

TABLES = 4
COLUMNS = 45
ROWS = 600
DISK_MIB = 768
ROUNDS = 20
FULL_S = 1.0


class Engine:
    """The engine on a folder, and the rows that it has acknowledged, by table."""

    def __init__(self, url: str, reserve_bytes: int) -> None:
        self._url, self._reserve_bytes = url, reserve_bytes
        self.acknowledged = [0] * TABLES
        self.stop = threading.Event()

    def ask(self, sql: str) -> httpx2.Response:
        """The answer to a statement."""
        return httpx2.post(self._url, content=sql, timeout=120)

    def insert(self, table: int) -> None:
        """Insert until asked to stop, each batch again until it is taken."""
        values = ", ".join(f"hex(rand64({column}))" for column in range(COLUMNS))
        for number in count():
            sql = f"INSERT INTO t{table} SELECT number, {values} FROM numbers({number * ROWS}, {ROWS})"
            limit = f"min_free_disk_bytes_to_perform_insert = {self._reserve_bytes}"
            while not self.ask(f"{sql} SETTINGS insert_deduplication_token = '{number}', {limit}").is_success:
                if self.stop.wait(0.02):
                    return
            self.acknowledged[table] = (number + 1) * ROWS
            if self.stop.is_set():
                return

    def guard(self) -> None:
        """Stop merges below the reserve and let them go on above it."""
        may: bool | None = None
        while not self.stop.wait(NEAR_S):
            free_bytes = int(self.ask("SELECT min(free_space) FROM system.disks").text)
            was, may = may, may_merge(may, free_bytes, self._reserve_bytes)
            if may is not was:
                self.ask(f"SYSTEM {'START' if may else 'STOP'} MERGES")

    def loss(self, table: int) -> str:
        """What is wrong with a table; empty when all that was acknowledged can be read."""
        due = self.acknowledged[table]
        answer = self.ask(f"SELECT uniqExact(id), sum(cityHash64(*)) FROM t{table} WHERE id < {due}")
        if not answer.is_success:
            return answer.text.splitlines()[0]
        return "" if int(answer.text.split()[0]) == due else f"{answer.text.split()[0]} of {due} rows"


def main(reserve_bytes: int) -> int:
    """Fill and free the disk `ROUNDS` times under inserts. Returns the exit code."""
    with small_disk(DISK_MIB) as folder:
        port = free_port()
        command = [sys.executable, str(FRONT), str(port), str(folder / "store")]
        server = ServiceProcess("the engine", command, {}, Path(f"{folder}.log"), health_path="/ping", port=port)
        server.start()
        server.until_ready()
        try:
            return _rounds(Engine(server.url, reserve_bytes), folder / "ballast", reserve_bytes)
        finally:
            server.kill()


def _rounds(engine: Engine, ballast: Path, reserve_bytes: int) -> int:
    columns = ", ".join(f"c{column} String" for column in range(COLUMNS))
    for table in range(TABLES):
        engine.ask(
            f"CREATE TABLE t{table} (id UInt64, {columns}) ENGINE = ReplacingMergeTree ORDER BY id "
            "SETTINGS non_replicated_deduplication_window = 10000, index_granularity = 1024"
        )
    threads = [threading.Thread(target=engine.insert, args=(table,)) for table in range(TABLES)]
    threads += [threading.Thread(target=engine.guard)] if reserve_bytes else []
    for thread in threads:
        thread.start()
    lost, number = "", 0
    while number < ROUNDS and not lost:
        number += 1
        fill(ballast, FILLED_BYTES_A_SECOND if reserve_bytes else inf)
        until_s = time.monotonic() + FULL_S
        while time.monotonic() < until_s:
            fill(ballast.with_name("more"))  # what the engine frees is taken too
            lasts(0.05)
        ballast.unlink()
        ballast.with_name("more").unlink()
        lasts(0.5)
        lost = "; ".join(filter(None, map(engine.loss, range(TABLES))))
    engine.stop.set()
    for thread in threads:
        thread.join()
    summary = f"reserve {reserve_bytes} bytes, full {number} times, {sum(engine.acknowledged)} rows"
    sys.stdout.write(f"{summary}: {lost or 'nothing lost'}\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
