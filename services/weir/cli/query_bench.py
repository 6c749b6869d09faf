"""What a question to the store costs: `weir bench queries`, on an engine and data of its own.

A figure is a median over rounds. In a round every question is asked once, each about another call, and the cheapest
statement there is, `SELECT 1`, is timed beside it: a ratio is taken inside a round, so that a machine that other work makes
slow is slow for both. The engine runs in this process, so its CPU time is measured too: other work moves it least.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from weir.cli.output import CliError, ExitCode
from weir.cli.query_bench_data import fill
from weir.lineage.read import queries
from weir.lineage.read.locations import Locations
from weir.lineage.settings import LineageSettings
from weir.lineage.store.counters import Counters
from weir.lineage.store.migrate import migrate
from weir.lineage.store.store import Store
from weir.runtime.clock import now_us

FLOORS: Final = 3
"""Times that `SELECT 1` is asked in a round; their median is the round's. Chosen: the smallest number with a middle."""

MERGE_LOOK_S: Final = 0.2
"""Seconds between two looks whether the engine still merges. Arbitrary: any value from 0.05 to 1 would do."""

MERGES = "SELECT count() AS merges FROM system.merges"
HELD = "SELECT count() AS calls FROM inference_responses"

SPANS_NARROW = (
    "SELECT span_id, parent_span_id, name, service, start_time_us, end_time_us, status FROM span_rows FINAL"
    " PREWHERE {at} AND trace_id = {trace_id:String} ORDER BY start_time_us"
)
TILE = (
    "SELECT hour, route, sum(calls) AS calls, sum(not_ok) AS not_ok,"
    " quantilesExactWeightedArray(0.5, 0.99)(latency_ms, latency_calls) AS latency_ms FROM v_call_hours_all"
    " GROUP BY hour, route ORDER BY hour, route"
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that is asked about."""

    request_id: str
    trace_id: str
    tenant: str
    passage_id: str


Question = Callable[[Store, Counters, Call], object]

QUESTIONS: Mapping[str, Question] = {
    "trace by id": lambda store, _, call: queries.trace(store, call.trace_id),
    "spans of a trace, narrow": lambda store, _, call: Locations(store, [call.trace_id]).rows(
        "span_rows", SPANS_NARROW, {"trace_id": call.trace_id}
    ),
    "call": lambda store, _, call: queries.request(store, call.request_id),
    "lineage of an answer": lambda store, _, call: queries.lineage(store, call.request_id),
    "impact of a dataset version": lambda store, counters, _: queries.impact(
        store, counters, "dataset", "manual", "sha256:manual", ""
    ),
    "impact of a passage": lambda store, counters, call: queries.impact(
        store, counters, "passage", call.passage_id, "", ""
    ),
    "newest 50 of a tenant": lambda store, _, call: queries.requests(store, {"tenant": call.tenant}, 0, 50),
    "tile by hour and route": lambda store, _, __: store.rows(TILE),
}
"""What is asked, as the API asks it; the narrow spans as it would, the tile as a dashboard does in SQL."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one question cost: medians over the rounds."""

    question: str
    median_ms: float
    ratio: float
    """To `SELECT 1` of the same round."""

    cpu_ratio: float
    """The same of the CPU time of all threads."""


class Cost(NamedTuple):
    """Of one question, asked once."""

    ms: float
    cpu_ms: float


def measured(folder: Path, calls: int, rounds: int, progress: Callable[[int], None]) -> list[Figure]:
    """Make so many calls in a folder, unless it holds them, and ask. progress: called with the calls that were stored.

    The first figure is that of `SELECT 1`. Raises BadSetting for a folder that another engine has open, CliError for one that
    holds another number of calls.
    """
    store = Store(LineageSettings(data_dir=folder))
    try:
        _filled(store, calls, progress)
        counters = Counters(store)
        counters.settle()
        return _ask(store, counters, sample(store, rounds))
    finally:
        store.close()


def _filled(store: Store, calls: int, progress: Callable[[int], None]) -> None:
    """Make the calls that a folder lacks: all of them or none. Raises CliError for a folder with another number."""
    migrate(store)
    held = int(store.rows(HELD)[0]["calls"])
    if held not in (0, calls):
        raise CliError(ExitCode.INVALID, f"the folder holds {held} calls, not {calls}", "name another folder")
    if held == 0:
        fill(store, calls, now_us(), progress)
    else:
        progress(calls)
    while store.rows(MERGES)[0]["merges"]:
        time.sleep(MERGE_LOOK_S)


def sample(store: Store, rounds: int) -> list[Call]:
    """One call for each round, spread over all; the first is asked about once more, before the clock runs."""
    rows = store.rows(
        "SELECT request_id, trace_id, tenant, contexts[1].1 AS passage_id FROM v_inference_responses"
        " ORDER BY cityHash64(request_id) LIMIT {rounds:UInt32}",
        {"rounds": rounds},
    )
    return [Call(**row) for row in rows]


def _ask(store: Store, counters: Counters, sample: Sequence[Call]) -> list[Figure]:
    for ask in QUESTIONS.values():
        ask(store, counters, sample[0])
    rounds: list[tuple[Cost, dict[str, Cost]]] = []
    for call in sample:
        floors = [_cost(lambda: store.rows("SELECT 1")) for _ in range(FLOORS)]
        floor = Cost(*map(statistics.median, zip(*floors, strict=True)))
        rounds.append((floor, {name: _cost(partial(ask, store, counters, call)) for name, ask in QUESTIONS.items()}))
    return [_figure("select 1", [(floor, floor) for floor, _ in rounds])] + [
        _figure(name, [(floor, costs[name]) for floor, costs in rounds]) for name in QUESTIONS
    ]


def _figure(question: str, rounds: Sequence[tuple[Cost, Cost]]) -> Figure:
    return Figure(
        question,
        statistics.median(cost.ms for _, cost in rounds),
        statistics.median(cost.ms / floor.ms for floor, cost in rounds),
        statistics.median(cost.cpu_ms / floor.cpu_ms for floor, cost in rounds),
    )


def _cost(ask: Callable[[], Any]) -> Cost:
    begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
    ask()
    return Cost((time.perf_counter() - begun_s) * 1_000, (time.process_time() - begun_cpu_s) * 1_000)
