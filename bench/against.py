"""`python -m bench.against COMMIT`: today's gateway and sink beside those of an older commit, in one run.

Both gateways (each with an inference service of its own commit) stand before one Triton and take calls in interleaved
rounds; both sinks read the same backlog from one broker, in turn. The older code runs from a git worktree under
`.weir/bench`, in today's environment. A ratio of 1 means: as it was.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import psutil
import tritonclient.grpc.aio as triton_aio
from rich.console import Console
from rich.table import Table

from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess
from weir.cli.stack import Stack, open_stack, start_stack, stop_stack
from weir.cli.stack.layout import repository

from .echo_gateways import echo_upstream, gateway, inference
from .events import TOPIC, backlog, produce
from .gateway_overhead import PERCENTILES, WARM_UP_CALLS, alone_us, together_per_s
from .run import BYSTANDERS
from .token_proxy import with_token

HOME = repository() / ".weir" / "bench" / "against"
ROUNDS = 20
"""Interleaved rounds of calls. Measured: medians of ten differ by a tenth between two runs on a shared machine."""

CALLS_ALONE = 200
"""Calls of a round with one under way: the 99th percentile is then the second worst."""
EVENTS = 60_000
"""Events of the backlog that each sink reads: about three seconds of one core."""
SINK_TURNS = 6
"""Turns of each sink; the two take turns in going first, and the median counts. Half of what a sink costs is merging parts,
which comes when it comes: the turns of one sink differ by a fifth."""
SINK_WITHIN_S = 120.0
"""Seconds a turn may take. Arbitrary: any value from 30 to 600 would do; a turn takes some seconds."""
ROWS = f'weir_lineage_rows_total{{topic="{TOPIC}"}}'


@dataclass(frozen=True, slots=True)
class Measured:
    """One gateway in one round: microseconds alone (p50, p99), and calls a second with 32 under way."""

    p50_us: float
    p99_us: float
    calls_per_second: float


def main(arguments: list[str]) -> int:
    """Measure against the commit that is named. Returns the exit code."""
    [commit] = arguments
    out = Console(width=140)
    stop_stack(HOME / "stack")
    shutil.rmtree(HOME, ignore_errors=True)
    with older_checkout(commit) as checkout:
        start_stack(HOME / "stack")
        try:
            stack = open_stack(HOME / "stack")
            for name in (*BYSTANDERS, "lineage"):
                stack.supervisor.stop(name)
            with with_token(
                stack.endpoints.registry_url, RunningStack(stack.layout.home).authorization
            ) as registry_url:
                older = {"PYTHONPATH": str(checkout / "services"), "WEIR_REGISTRY_URL": registry_url}
                rounds = asyncio.run(gateways(stack, older, out))
                sinks = sinks_us(stack, older, out)
        finally:
            stop_stack(HOME / "stack")
    out.print(table(commit, rounds, sinks))
    return 0


@contextlib.contextmanager
def older_checkout(commit: str) -> Iterator[Path]:
    """A worktree of the commit for the length of the block."""
    folder = HOME / "checkout"
    HOME.mkdir(parents=True, exist_ok=True)
    subprocess.run(["git", "worktree", "prune"], cwd=repository(), check=True)
    subprocess.run(["git", "worktree", "add", "-q", "--detach", str(folder), commit], cwd=repository(), check=True)
    try:
        yield folder
    finally:
        subprocess.run(["git", "worktree", "remove", "--force", str(folder)], cwd=repository(), check=True)


async def gateways(stack: Stack, older: Mapping[str, str], out: Console) -> list[tuple[Measured, Measured]]:
    """(then, now) of every round."""
    with echo_upstream(stack) as upstream, inference(stack, upstream.triton, "then", older) as inference_then:
        before = replace(upstream, inference=inference_then)
        with gateway(stack, before, "then", settings=older) as then, gateway(stack, upstream, "now") as now:
            async with (
                triton_aio.InferenceServerClient(then.address) as at_then,
                triton_aio.InferenceServerClient(now.address) as at_now,
            ):
                for client in (at_then, at_now):
                    await alone_us(client, WARM_UP_CALLS)
                pairs = []
                for number in range(ROUNDS):
                    out.print(f"gateways, round {number + 1} of {ROUNDS}", highlight=False)
                    order = (at_then, at_now) if number % 2 == 0 else (at_now, at_then)
                    found = {client: await one_round(client) for client in order}
                    pairs.append((found[at_then], found[at_now]))
                return pairs


async def one_round(client: triton_aio.InferenceServerClient) -> Measured:
    """What one gateway does in one round."""
    p50_us, p99_us = (float(value) for value in np.percentile(await alone_us(client, CALLS_ALONE), PERCENTILES))
    return Measured(p50_us, p99_us, await together_per_s(client))


def sinks_us(stack: Stack, older: Mapping[str, str], out: Console) -> list[tuple[float, float]]:
    """CPU time of an event in each sink, microseconds: (then, now) of every turn."""
    produce(stack.endpoints.kafka_bootstrap, backlog(RunningStack(stack.layout.home), EVENTS))
    pairs = []
    for turn in range(SINK_TURNS):
        out.print(f"sinks, turn {turn + 1} of {SINK_TURNS}", highlight=False)
        sides = [("then", older), ("now", {})] if turn % 2 == 0 else [("now", {}), ("then", older)]
        found = {side: sink_us(stack, f"{side}-{turn}", settings) for side, settings in sides}
        pairs.append((found["then"], found["now"]))
    return pairs


def sink_us(stack: Stack, name: str, settings: Mapping[str, str]) -> float:
    """CPU time of an event in a fresh sink with an empty store, between its first rows and its last, microseconds.

    Raises TimeoutError when it does not read the whole backlog.
    """
    environment = {
        **stack.endpoints.environment,
        "WEIR_DATA_DIR": str(HOME / name),
        "WEIR_LINEAGE_GROUP": f"against-{name}-{time.time_ns()}",
        "WEIR_LINEAGE_AUDIT_EVERY_S": "3600",
        **settings,
    }
    sink = ServiceProcess(f"sink {name}", [sys.executable, "-m", "weir.lineage"], environment, HOME / f"{name}.log")
    sink.start()
    try:
        sink.until_ready()
        pause, first, seen = threading.Event(), None, (0, 0.0)
        end_s = time.monotonic() + SINK_WITHIN_S
        while time.monotonic() < end_s:
            seen = (int(sink.metric(ROWS)), _cpu_us(sink.process))
            first = first or (seen if seen[0] else None)
            if first and seen[0] >= EVENTS:
                return (seen[1] - first[1]) / (seen[0] - first[0])
            pause.wait(0.05)
        raise TimeoutError(f"the sink {name} stored {seen[0]} of {EVENTS} events within {SINK_WITHIN_S:g} s")
    finally:
        sink.kill()


def _cpu_us(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system) * 1e6


def table(commit: str, rounds: list[tuple[Measured, Measured]], sinks: list[tuple[float, float]]) -> Table:
    """Medians of both, and the median of the ratios taken inside a round."""
    rows = [
        ("call at concurrency 1, p50, us", [(one.p50_us, other.p50_us) for one, other in rounds]),
        ("call at concurrency 1, p99, us", [(one.p99_us, other.p99_us) for one, other in rounds]),
        (
            "throughput at concurrency 32, calls/s",
            [(one.calls_per_second, other.calls_per_second) for one, other in rounds],
        ),
        ("sink, CPU time of an event, us", sinks),
    ]
    found = Table(show_edge=False)
    for column in ("what", commit, "now", "now / then"):
        found.add_column(column)
    for what, pairs in rows:
        then, now = (float(np.median([pair[side] for pair in pairs])) for side in (0, 1))
        ratio = float(np.median([pair[1] / pair[0] for pair in pairs]))
        found.add_row(what, f"{then:,.1f}", f"{now:,.1f}", f"{ratio:.3f}")
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
