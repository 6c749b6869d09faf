"""`python -m bench.run` (make bench): ratios in one run, on the real parts, printed and written down.

1. Kafka to ClickHouse on one core against a raw consumer. 2. The gateway against direct Triton. 3. What its events cost. 4. A
backlog that drains under live calls. 5. The drift detector.
Starts a stack of its own under `.weir/bench/stack`; nothing is asserted, bad figures are printed as they are.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from harness.stack.running_stack import RunningStack
from weir.cli.stack import open_stack, start_stack, stop_stack
from weir.cli.stack.layout import repository

from .backlog_drain import backlog_drain
from .echo_gateways import echo_upstream, gateway
from .gateway_overhead import gateway_overhead
from .guarantee_cost import guarantee_cost
from .results import Machine, Result, load, write
from .sink_rate import sink_rate

HOME = repository() / ".weir" / "bench" / "stack"
RESULTS = repository() / "bench" / "results" / "bench.json"
"""The last run, kept with the code; `python -m bench.markdown` puts it into docs/benchmarks.md."""
BYSTANDERS = ("gateway", "gateway-drain", "otlp", "otlp-drain", "inference", "evaluator", "drift", "alerts", "triton")
"""Processes of the stack that are stopped: what is measured runs with what it needs and no more."""


def main() -> int:
    """Run everything. Returns the exit code."""
    out, before = Console(width=140), load()
    stop_stack(HOME)
    shutil.rmtree(HOME, ignore_errors=True)
    out.print("starting a stack for the benchmark")
    start_stack(HOME)
    try:
        results = _measured(out, HOME)
    finally:
        stop_stack(HOME)
    out.print("detector")
    results += _detector()
    write(results, Machine(os.cpu_count() or 1, before, load()), RESULTS)
    out.print(_table(results))
    out.print(f"written: {RESULTS.relative_to(repository())}")
    return 0


def _measured(out: Console, home: Path) -> list[Result]:
    stack = open_stack(home)
    supervisor = stack.supervisor
    for name in BYSTANDERS:
        supervisor.stop(name)
    # First, on an empty log and store: its baseline reads the log from the beginning.
    out.print("Kafka to ClickHouse")
    pid = next(int(info["pid"]) for info in supervisor.processes() if info["name"] == "lineage")
    sink = sink_rate(RunningStack(home), pid)
    out.print("gateway against direct Triton (interleaved rounds)")
    with echo_upstream(stack) as upstream:
        with gateway(stack, upstream, "bench") as ours:
            results = asyncio.run(gateway_overhead(upstream.triton, ours.address))
        out.print("the gateway's events: off, process, fsync (interleaved rounds)")
        results += guarantee_cost(stack, upstream)
        out.print("a backlog of 200,000 events under live calls")
        results += backlog_drain(stack, upstream)
    return results + sink


def _detector() -> list[Result]:
    """The detector in a process of its own, with one thread for linear algebra as the stack runs it."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "bench.detector_cost"],
        env=environment,
        cwd=repository(),
        capture_output=True,
        text=True,
        check=True,
    )
    return [Result(**fields) for fields in json.loads(ran.stdout)]


def _table(results: list[Result]) -> Table:
    table = Table(show_edge=False)
    for column in ("result", "value", "baseline", "its value", "ratio", "data and method"):
        table.add_column(column, overflow="fold")
    for result in results:
        table.add_row(
            result.name,
            f"{result.value:,.1f} {result.unit}",
            result.baseline,
            f"{result.baseline_value:,.1f}",
            f"{result.ratio:.3f}",
            f"{result.data}; {result.how}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
