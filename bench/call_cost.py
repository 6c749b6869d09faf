"""CPU time of a recorded call, process by process: `PYTHONPATH=tests python -m bench.call_cost`.

h2load makes calls to the model `echo`, 32 under way, through gateway and inference with capture `process`, while the drain runs
and lineage stores what it sends. Printed is the CPU time that each process used for a call, from the first call until all rows
are stored, and its part of what Triton used in the same round. Needs h2load.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import threading
import time
from collections.abc import Mapping

import httpx2
import psutil

from harness.stack.running_stack import RunningStack
from weir.cli.stack import Stack, open_stack, start_stack, stop_stack
from weir.cli.stack.layout import repository

from .echo_gateways import echo_upstream, gateway
from .forwarders import target_of, write_request
from .h2load import Target
from .run import BYSTANDERS

HOME = repository() / ".weir" / "bench" / "call-cost"
ROUNDS = 5
"""Rounds, of which the median counts. Arbitrary; any value from 3 to 20 would do."""
CALLS, AT_ONCE, CONNECTIONS = 6_000, 32, 4
"""Calls of a round, those under way, and their connections. Chosen: as in `bench.forwarders`."""
STORED_S = 120.0
"""Seconds for all rows to be stored. Arbitrary: any value from 30 to 600 would do; they take some seconds."""
LOOK_EVERY_S = 0.5
"""Seconds between two looks at lineage's metrics. Arbitrary: any value from 0.1 to 2 would do; a look costs a millisecond."""
ROLES = {
    "tritonserver": "Triton",
    "weir.inference": "inference",
    "weir.gateway.drain": "drain",
    "weir.gateway": "gateway",
}
"""Words of a command line, and whose it is; the first that is there."""
TOPICS = ("inference-requests", "inference-responses", "spans")
"""Topics that a call is recorded on, an event each."""

Costs = Mapping[str, float]
"""CPU time by process, microseconds a call."""


def main() -> int:
    """Print the table. Returns the exit code."""
    if shutil.which("h2load") is None:
        print("h2load is missing: apt-get install nghttp2-client")
        return 2
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    start_stack(HOME)
    try:
        rounds = _measured(open_stack(HOME))
    finally:
        stop_stack(HOME)
    for name in rounds[0]:
        cost_us = statistics.median(one[name] for one in rounds)
        part = statistics.median(one[name] / one["Triton"] for one in rounds)
        print(f"{name:12}{cost_us:8.0f} us a call{part:8.2f} of Triton")
    return 0


def _measured(stack: Stack) -> list[Costs]:
    for name in BYSTANDERS:
        stack.supervisor.stop(name)
    request, page = write_request(HOME), f"{RunningStack(HOME).lineage_url}/metrics"
    sink = next(int(info["pid"]) for info in stack.supervisor.processes() if info["name"] == "lineage")
    with echo_upstream(stack) as upstream, gateway(stack, upstream, "cost") as ours:
        target = target_of(ours.address, request)
        _round(target, sink, page)  # caches are warm, tables are there
        return [_round(target, sink, page) for _ in range(ROUNDS)]


def _round(target: Target, sink: int, page: str) -> Costs:
    before, stored = _cpu_s(sink), _stored(page)
    target.load(CALLS, AT_ONCE, CONNECTIONS)
    calls = CALLS + target.warm_up_calls(CALLS, AT_ONCE)
    _until_stored(page, stored + calls * len(TOPICS))
    after = _cpu_s(sink)
    costs = {name: (after[name] - before[name]) * 1e6 / calls for name in after}
    return {**costs, "Weir in all": sum(cost for name, cost in costs.items() if name != "Triton")}


def _cpu_s(sink: int) -> Costs:
    """CPU time used until now by each of the processes, children included, seconds."""
    found = dict.fromkeys(ROLES.values(), 0.0)
    for process in psutil.Process(os.getpid()).children():
        words = process.cmdline()
        role = next((name for word, name in ROLES.items() if any(one.endswith(word) for one in words)), None)
        if role is not None:
            found[role] += sum(map(_used_s, [process, *process.children(recursive=True)]))
    return {**found, "sink": _used_s(psutil.Process(sink))}


def _used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _until_stored(page: str, rows: int) -> None:
    pause, end_s = threading.Event(), time.monotonic() + STORED_S
    while _stored(page) < rows:
        if time.monotonic() > end_s:
            raise TimeoutError(f"{_stored(page)} of {rows} rows stored within {STORED_S:g} s")
        pause.wait(LOOK_EVERY_S)


def _stored(page: str) -> int:
    """Rows that lineage inserted of the topics of a call."""
    lines = httpx2.get(page).raise_for_status().text.splitlines()
    counts = {
        line.split('"')[1]: float(line.split()[-1]) for line in lines if line.startswith("weir_lineage_rows_total{")
    }
    return int(sum(counts.get(topic, 0.0) for topic in TOPICS))


if __name__ == "__main__":
    sys.exit(main())
