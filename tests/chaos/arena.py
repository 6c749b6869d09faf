"""A store of its own for the faults of ClickHouse and of the sink; the load goes straight into Kafka."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx2

from chaos.proxy import Proxy
from harness.accounts.ledger import Row
from harness.kafka.load import Load
from harness.stack.running_stack import RunningStack
from harness.stack.second_store import SecondStore
from harness.waiting import RECOVER_WITHIN_S, eventually, is_reached, lasts
from weir.lineage.sink.sink import HUNG_EXIT_CODE

BATCH = 500
"""Messages sent at once; the sink sees many ranges, not one."""

TRANSIENT = 'weir_lineage_insert_failures_total{kind="transient"}'
"""Metric of the inserts that a server refused or did not answer."""

ROWS = 'weir_lineage_rows_total{topic="inference-responses"}'
"""Metric of the rows that a sink inserted in this life."""


LOG_CHARS = 4_000
"""Characters shown of the log of a sink that ended. Chosen: about twenty lines."""


class Arena:
    """A second store and a load; at the end the ledger is closed against the store."""

    def __init__(self, stack: RunningStack, store: SecondStore, load: Load) -> None:
        self.stack = stack
        self.store = store
        self.load = load

    def row(self, fault: str, times: int, note: str = "", problem: str = "") -> Row:
        """Wait until everything is stored, and count. The clock starts now, at the end of the last fault."""
        start_s = time.monotonic()
        is_reached(self.is_closed)
        recovery_s = time.monotonic() - start_s
        rows, distinct = self.stored()
        return Row(
            fault,
            times,
            self.load.sent,
            distinct,
            duplicates=rows - distinct,
            recovery_s=recovery_s,
            note=note,
            problem=problem,
        )

    def stored(self) -> tuple[int, int]:
        """Rows of the load in the read view, and distinct events among them."""
        where = f"tenant = '{self.load.tenant}'"
        query = f"SELECT count(), uniqExact(event_id) FROM v_inference_responses WHERE {where}"
        ((rows, distinct),) = self.store.sql(query)
        return int(rows), int(distinct)

    def is_closed(self) -> bool:
        """Whether as many events are stored as were sent."""
        self._supervise()
        return self.store.count("v_inference_responses", f"tenant = '{self.load.tenant}'") >= self.load.sent

    def _supervise(self) -> None:
        """Start a sink again that ended because its Kafka client hung, as the stack's supervisor does.

        Raises RuntimeError with the end of its log where it ended otherwise.
        """
        code = self.store.sink.exit_code
        if code == HUNG_EXIT_CODE:
            self.store.sink.start()
        elif code is not None:
            raise RuntimeError(f"the sink ended with {code}:\n{self.store.sink.log.read_text()[-LOG_CHARS:]}")

    def until_closed(self) -> None:
        """Wait until everything sent so far is stored, because the fault needs that to begin with."""
        eventually(self.is_closed, within_s=RECOVER_WITHIN_S, what=f"{self.load.sent} events before the fault")

    def until_caught_up(self) -> None:
        """Wait until the sink has read the log of every topic: what other tests left there is no part of the fault."""
        eventually(self.store.is_caught_up, within_s=RECOVER_WITHIN_S, what="the sink at the end of the log")

    def metric(self, line: str) -> float:
        """A metric of the sink; 0 while it does not answer."""
        try:
            return self.store.sink.metric(line)
        except httpx2.TransportError:
            return 0.0

    def steadily(self, count: int, seconds: float) -> threading.Thread:
        """Send `count` events over so many seconds, beside what the caller does."""

        def send() -> None:
            start_s, rounds = time.monotonic(), max(1, count // BATCH)
            for number in range(1, rounds + 1):
                self.load.send(count // rounds)
                lasts(max(0.0, start_s + number * seconds / rounds - time.monotonic()))

        thread = threading.Thread(target=send)
        thread.start()
        return thread


@contextmanager
def arena(
    stack: RunningStack,
    name: str,
    settings: Mapping[str, str] | None = None,
    *,
    proxy: Proxy | None = None,
    is_from_now: bool = False,
) -> Iterator[Arena]:
    """A fresh second store. settings: variables of its sink. proxy: stands before its server. is_from_now: its sink reads
    nothing of the log before now, so that the fault meets the load alone.
    """
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder:
        store = SecondStore(stack, Path(folder), **(settings or {}))
        if proxy is not None:
            proxy.target_port = store.clickhouse.port
            store.point_at(proxy.port)
        if is_from_now:
            store.begin_at_end()
        with store:
            store.sink.until_ready()
            yield Arena(stack, store, Load(stack, name))


def held(field: Arena, hold: Callable[[], None], release: Callable[[], None], shows: Callable[[], bool]) -> None:
    """Load, a fault until it shows, load, and no fault: `shows` says when the sink met it."""
    hold()
    field.load.send(BATCH)
    eventually(shows, within_s=RECOVER_WITHIN_S, what="the fault at the sink")
    release()
    field.load.send(BATCH)
