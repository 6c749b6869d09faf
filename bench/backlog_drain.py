"""A backlog of 200,000 spooled events drains into the store while live calls go on through the same gateway.

The backlog is written before the gateway starts, as a life that ended while Kafka was down. Live calls arrive at a fixed
rate, whatever the answers take (an open loop): first with an empty spool, then while the backlog drains. Reported are the
rates of the drain (spool to Kafka) and of the whole way (spool to rows), over the rate at which live events arrive, and what
the live calls take before and during.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx2
import numpy as np
import tritonclient.grpc.aio as triton_aio

from harness.stack.running_stack import RunningStack
from weir.cli.stack import Stack

from .echo_gateways import Gateway, Upstream, gateway, spool_folder
from .gateway_overhead import PERCENTILES, call
from .results import Result
from .spool_fill import EVENTS_OF_A_CALL, fill

INSTANCE = "bench-backlog"
CALLS = 66_667
"""Spooled calls: 200,001 events."""
SPOOL_BYTES_MAX = 1_073_741_824
"""Room for the backlog, 4.5 KB a call, three times over. Arbitrary: any value above 300 MB would do."""
LIVE_CALLS_PER_S = 50
"""Arrival rate. Chosen: a call that works 100 ms on a model keeps two cores busier than that."""
CALM_S = 15.0
"""Seconds that live calls run without a backlog, at 50 a second 750 calls. Arbitrary: any value from 10 to 60 would do."""
WARM_UP_S = 3.0
"""Seconds of live calls that do not count. Arbitrary: any value from 1 to 10 would do; connections are made by the first."""
DEADLINE_S = 420.0
"""Seconds for the backlog. Arbitrary: any value from 300 to 1,800 would do."""
LOOK_EVERY_S = 0.25
STORE_LOOK_EVERY_S = 2.0
"""Seconds between two counts in the store; each costs the service a query over everything. Arbitrary: any value from 1 to 5
would do."""
STORED = "SELECT count() FROM v_inference_responses WHERE tenant = 'bench-backlog'"


@dataclass(frozen=True, slots=True)
class Drained:
    """Seconds until the spool was empty and until all of its calls were stored; CPU time of the drain until then."""

    spool_s: float
    store_s: float
    cpu_s: float


def backlog_drain(stack: Stack, upstream: Upstream) -> list[Result]:
    """Rates and latencies. Raises TimeoutError when the backlog does not drain."""
    settings = {"WEIR_GATEWAY_SPOOL_BYTES_MAX": str(SPOOL_BYTES_MAX)}
    with gateway(stack, upstream, INSTANCE, settings=settings) as calm:
        before = asyncio.run(_calm(calm.address))
    events = fill(spool_folder(stack, INSTANCE), source=f"gateway/{INSTANCE}", calls=CALLS, bytes_max=SPOOL_BYTES_MAX)
    with gateway(stack, upstream, INSTANCE, settings=settings, is_drain_frozen=True) as busy:
        during, drained = asyncio.run(
            _draining(busy, stack.endpoints.lineage_url, RunningStack(stack.layout.home).authorization)
        )
    return _results(events, before, during, drained)


async def _calm(address: str) -> list[float]:
    async with triton_aio.InferenceServerClient(address) as client:
        await _live(client, asyncio.create_task(asyncio.sleep(WARM_UP_S)))
        return await _live(client, asyncio.create_task(asyncio.sleep(CALM_S)))


async def _draining(one: Gateway, lineage_url: str, headers: dict[str, str]) -> tuple[list[float], Drained]:
    async with triton_aio.InferenceServerClient(one.address) as client:
        await _live(client, asyncio.create_task(asyncio.sleep(WARM_UP_S)))
        one.thaw()
        watch = asyncio.create_task(_until_drained(one, lineage_url, headers))
        latencies = await _live(client, watch)
        return latencies, watch.result()


async def _live(client: triton_aio.InferenceServerClient, until: asyncio.Task[object]) -> list[float]:
    """Calls at the fixed rate until the task ends; their latencies, microseconds."""
    latencies: list[float] = []

    async def timed(due_s: float) -> None:
        await call(client)
        latencies.append((time.perf_counter() - due_s) * 1e6)

    calls: list[asyncio.Task[None]] = []
    start_s = time.perf_counter()
    while not until.done():
        due_s = start_s + len(calls) / LIVE_CALLS_PER_S
        await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
        calls.append(asyncio.create_task(timed(due_s)))
    await asyncio.gather(*calls)
    return latencies


async def _until_drained(one: Gateway, lineage_url: str, headers: dict[str, str]) -> Drained:
    start_s, spool_s, cpu_s = time.perf_counter(), 0.0, 0.0
    async with httpx2.AsyncClient(timeout=60.0, headers=headers) as client, asyncio.timeout(DEADLINE_S):
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if not spool_s and await _is_empty(client, one):
                spool_s, cpu_s = time.perf_counter() - start_s, one.drain_cpu_s()
            if spool_s:
                await asyncio.sleep(STORE_LOOK_EVERY_S)
                answer = await client.post(f"{lineage_url}/v1/sql", json={"query": STORED})
                if int(answer.raise_for_status().json()["rows"][0][0]) >= CALLS:
                    return Drained(spool_s, time.perf_counter() - start_s, cpu_s)


async def _is_empty(client: httpx2.AsyncClient, one: Gateway) -> bool:
    try:
        page = (await client.get(f"{one.drain_page}/v1/spool")).json()
    except httpx2.ConnectError:
        return False  # it was let go a moment ago and has not started yet
    return not page["backlog_bytes"]


def _results(events: int, before_us: Sequence[float], during_us: Sequence[float], drained: Drained) -> list[Result]:
    arrival = LIVE_CALLS_PER_S * EVENTS_OF_A_CALL
    how = "ratio is drain over arrival; all of it in {seconds:.1f} s, with the start of the drain's process"
    data = f"{events} spooled events of {CALLS} calls; {LIVE_CALLS_PER_S} live calls a second, open loop"
    rates = [("spool to Kafka", drained.spool_s), ("spool to rows", drained.store_s)]
    results = [
        Result(
            f"backlog, {way}", events / seconds, "events/s", "arrival of live events", float(arrival),
            events / seconds / arrival, data, how.format(seconds=seconds),
        )
        for way, seconds in rates
    ]  # fmt: skip
    results.append(
        Result(
            "backlog, spool to Kafka on one core", events / drained.cpu_s, "events/s", "arrival of live events", float(arrival),
            events / drained.cpu_s / arrival, data,
            f"CPU time of the drain's process, its start included: {drained.cpu_s * 1e6 / events:.1f} us an event",
        )
    )  # fmt: skip
    for name, before, during in zip(
        ("p50", "p99"), np.percentile(before_us, PERCENTILES), np.percentile(during_us, PERCENTILES), strict=True
    ):
        results.append(
            Result(
                f"backlog, live calls {name} while it drains", float(during), "us", f"the same with an empty spool, {name}",
                float(before), float(during / before), data,
                f"{len(before_us)} calls before, {len(during_us)} during, from the moment each was due",
            )
        )  # fmt: skip
    return results
