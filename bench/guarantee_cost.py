"""What accounting costs the gateway: its spool with `process` and with `fsync` against no events at all, in one run.

Three gateways stand before the same inference service and the same Triton. In each round each is measured twice: with its
drain stopped (what the gateway itself pays: the append, the wait for the disk), and, for throughput, with its drain running
(what a machine of this size pays, because drain, broker and sink share its cores). Between two of them every spool is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import httpx2
import numpy as np
import tritonclient.grpc.aio as triton_aio

from weir.cli.stack import Stack

from .echo_gateways import Gateway, Upstream, gateway
from .gateway_overhead import CALLS_TOGETHER, CONCURRENCY, PERCENTILES, WARM_UP_CALLS, alone_us, together_per_s
from .results import Result

ROUNDS = 6
CALLS_ALONE = 150
"""Calls of a round with one under way. Chosen: the three take about 1.5 s of a round."""
MODES = ("off", "process", "fsync")
EMPTY_WITHIN_S = 60.0
"""Seconds a spool may take to be empty. Arbitrary: any value from 20 to 300 would do; it takes a few."""
LOOK_EVERY_S = 0.1
"""Seconds between two looks at the spool. Arbitrary: any value from 0.05 to 1 would do; a look costs one request."""


@dataclass(frozen=True, slots=True)
class Round:
    """One gateway in one round: microseconds alone (p50, p99); with its drain stopped, calls a second and the CPU time of a
    call in its process; calls a second with its drain running."""

    p50_us: float
    p99_us: float
    calls_per_second: float
    cpu_us: float
    calls_per_second_draining: float


def guarantee_cost(stack: Stack, upstream: Upstream) -> list[Result]:
    """Ten ratios, each over the gateway that writes nothing. Raises TimeoutError when a spool does not get empty."""
    with contextlib.ExitStack() as running:
        gateways = {
            "off": running.enter_context(
                gateway(stack, upstream, "bench-off", module="bench.silent_gateway", has_drain=False)
            ),
            "process": running.enter_context(gateway(stack, upstream, "bench-process")),
            "fsync": running.enter_context(
                gateway(stack, upstream, "bench-fsync", settings={"WEIR_GATEWAY_DURABILITY": "fsync"})
            ),
        }
        rounds = asyncio.run(_rounds(gateways))
    return [result for mode in MODES[1:] for result in _results(mode, rounds)]


async def _rounds(gateways: Mapping[str, Gateway]) -> list[dict[str, Round]]:
    async with contextlib.AsyncExitStack() as open_clients:
        clients = {
            mode: await open_clients.enter_async_context(triton_aio.InferenceServerClient(one.address))
            for mode, one in gateways.items()
        }
        for mode in MODES:
            await alone_us(clients[mode], WARM_UP_CALLS)
            await _until_empty(gateways[mode])
        rounds = []
        for number in range(ROUNDS):
            turn = number % len(MODES)
            order = (*MODES[turn:], *MODES[:turn])
            rounds.append({mode: await _round(clients[mode], gateways[mode]) for mode in order})
        return rounds


async def _round(client: triton_aio.InferenceServerClient, one: Gateway) -> Round:
    one.freeze()
    p50_us, p99_us = (float(value) for value in np.percentile(await alone_us(client, CALLS_ALONE), PERCENTILES))
    before_s = one.cpu_s()
    alone = await together_per_s(client)
    cpu_us = (one.cpu_s() - before_s) * 1e6 / CALLS_TOGETHER
    one.thaw()
    await _until_empty(one)
    draining = await together_per_s(client)
    await _until_empty(one)
    return Round(p50_us, p99_us, alone, cpu_us, draining)


async def _until_empty(one: Gateway) -> None:
    if one.drain is None:
        return
    async with httpx2.AsyncClient(headers=one.authorization) as client, asyncio.timeout(EMPTY_WITHIN_S):
        while (await client.get(f"{one.drain_page}/v1/spool", timeout=30.0)).json()["backlog_bytes"]:
            await asyncio.sleep(LOOK_EVERY_S)


def _results(mode: str, rounds: Sequence[Mapping[str, Round]]) -> list[Result]:
    ours, base = [one[mode] for one in rounds], [one["off"] for one in rounds]
    return [
        _latency(mode, "p50", [one.p50_us for one in ours], [one.p50_us for one in base]),
        _latency(mode, "p99", [one.p99_us for one in ours], [one.p99_us for one in base]),
        _cpu(mode, [one.cpu_us for one in ours], [one.cpu_us for one in base]),
        _throughput(mode, "drain stopped", [one.calls_per_second for one in ours], [one.calls_per_second for one in base]),
        _throughput(
            mode, "drain running", [one.calls_per_second_draining for one in ours],
            [one.calls_per_second_draining for one in base],
        ),
    ]  # fmt: skip


def _latency(mode: str, name: str, ours: Sequence[float], base: Sequence[float]) -> Result:
    added = [mine - theirs for mine, theirs in zip(ours, base, strict=True)]
    return Result(
        f"events with {mode}, added {name} at concurrency 1", float(np.median(added)), "us", f"no events, {name}",
        float(np.median(base)), _ratio(ours, base), _data(),
        f"ratio is {name} with events over {name} without; median of {ROUNDS} interleaved rounds of {CALLS_ALONE} calls",
    )  # fmt: skip


def _cpu(mode: str, ours: Sequence[float], base: Sequence[float]) -> Result:
    return Result(
        f"events with {mode}, CPU time of a call in the gateway", float(np.median(ours)), "us", "no events, CPU time of a call",
        float(np.median(base)), _ratio(ours, base), _data(),
        f"ratio is with events over without, {CONCURRENCY} calls under way; hardly moved by what else the machine does",
    )  # fmt: skip


def _throughput(mode: str, drain: str, ours: Sequence[float], base: Sequence[float]) -> Result:
    return Result(
        f"events with {mode}, throughput at concurrency {CONCURRENCY}, {drain}", float(np.median(ours)), "calls/s",
        f"no events, throughput at concurrency {CONCURRENCY}", float(np.median(base)), _ratio(ours, base), _data(),
        f"ratio is with events over without; median of {ROUNDS} interleaved rounds of {CALLS_TOGETHER} calls",
    )  # fmt: skip


def _ratio(ours: Sequence[float], base: Sequence[float]) -> float:
    return float(np.median([mine / theirs for mine, theirs in zip(ours, base, strict=True)]))


def _data() -> str:
    return (
        "1,176 bytes of text through three gateways before one inference service and one Triton with the model 'echo'"
    )
