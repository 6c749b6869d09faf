"""CPU time that the drain needs for an event, alone and stage by stage: `PYTHONPATH=tests python -m bench.drain_cost`.

The spool is filled by the gateway's own capture with ended calls of the model `echo`. The stages run the product's own
functions over the same records. The whole drain runs twice: once without a producer, once against librdkafka's mock
broker, whose own threads do not count. All figures are CPU time of one thread; of each stage the least of some rounds
counts, so that neighbours on the machine disturb little. Ratios within one run are what two runs can be compared by.
"""

from __future__ import annotations

import asyncio
import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from harness.kafka.mock_kafka import MockKafka
from weir.capture.accounting import counted
from weir.capture.drain import Drain
from weir.capture.ledger_file import LedgerFile
from weir.capture.spool_reader import Piece, SpoolReader
from weir.gateway.core.completion import events_of
from weir.gateway.core.reading import read
from weir.gateway.core.record import unpack
from weir.gateway.drain.drain import opened_from, work_of
from weir.gateway.settings import SpoolSettings
from weir.runtime.kafka.producer import Framed
from weir.runtime.process import spare_collector

from .spool_fill import EVENTS_OF_A_CALL, fill

CALLS = 3_000
"""Ended calls in the spool: 27 MB, 27 pieces. Arbitrary: any value from 1,000 to 30,000 would do."""
SPOOL_BYTES_MAX = 1_073_741_824
ROUNDS = 5
"""Rounds of a stage, of which the cheapest counts. Arbitrary: any number from 5 to 20 would do."""
LIMITS = {"text_chars_max": 65_536, "message_bytes_max": 4_194_304}
"""The product's defaults."""

Measured = tuple[str, float]
"""Stage, CPU microseconds an event."""


def main() -> int:
    """Print the stages. Returns the exit code."""
    spare_collector()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "full", source="gateway/bench", calls=CALLS, bytes_max=SPOOL_BYTES_MAX)
        for stage, cost_us in (*_stages(folder), *_wholes(folder)):
            print(f"{stage:32}{cost_us:8.1f} us an event")
    return 0


def _stages(folder: Path) -> Iterator[Measured]:
    yield _least("read and check", lambda: None, lambda: list(_pieces(_copied(folder))))
    pieces = [piece.payloads for piece in _pieces(_copied(folder))]
    payloads = [payload for piece in pieces for payload in piece]
    records = [unpack(payload) for payload in payloads]
    yield _least("unpack", gc.collect, lambda: [unpack(payload) for payload in payloads])
    yield _least("make events", gc.collect, lambda: [events_of(one, text_chars_max=65_536) for one in records])
    yield _least("unpack, make events, encode", gc.collect, lambda: [len(read(piece, **LIMITS)) for piece in pieces])
    yield _least("count in the ledger", gc.collect, lambda: [counted({}, records, has_corrupt=False)])


def _least(stage: str, prepare: Callable[[], object], work: Callable[[], Iterable[object]]) -> Measured:
    costs_s = []
    for _ in range(ROUNDS):
        prepare()
        start_s = time.thread_time()
        work()
        costs_s.append(time.thread_time() - start_s)
    return stage, min(costs_s) * 1e6 / (CALLS * EVENTS_OF_A_CALL)


def _wholes(folder: Path) -> Iterator[Measured]:
    for stage, has_broker in (("whole drain, nothing sent", False), ("whole drain, mock broker", True)):
        costs_s = [asyncio.run(_drained_s(folder, has_broker=has_broker)) for _ in range(ROUNDS)]
        yield stage, min(costs_s) * 1e6 / (CALLS * EVENTS_OF_A_CALL)


async def _drained_s(folder: Path, *, has_broker: bool) -> float:
    """CPU time until a full spool is empty."""
    kafka, stop, spool = MockKafka(), asyncio.Event(), _copied(folder)
    settings = SpoolSettings(drain_share=1.0)
    link, reader = kafka.link(folder / "data", "gateway-drain"), SpoolReader(spool)
    await link.producer.start(stop)
    if not has_broker:
        link.producer.send_bytes = _nothing_sent  # type: ignore[method-assign]  # the figure is what the rest costs
    drain = Drain(reader, LedgerFile(spool, opened_from), link, work_of(settings))
    start_s = time.thread_time()
    while reader.backlog_bytes():
        await drain.step(stop)
    cost_s = time.thread_time() - start_s
    await link.close()
    return cost_s


async def _nothing_sent(messages: Iterable[Framed]) -> None:
    list(messages)


def _copied(folder: Path) -> Path:
    shutil.rmtree(folder / "spool", ignore_errors=True)
    return Path(shutil.copytree(folder / "full", folder / "spool"))


def _pieces(spool: Path) -> Iterator[Piece]:
    reader = SpoolReader(spool)
    while (piece := reader.read()) is not None:
        yield piece
        reader.acknowledge(piece)


if __name__ == "__main__":
    sys.exit(main())
