"""What the gateway adds to a direct call to Triton: latency with one call under way, throughput with 32.

Both targets serve the same `echo` model on the same Triton; the gateway's path is the whole one (gateway, inference,
Triton) with capture on, as users run it. The load comes from one stock `tritonclient.grpc.aio` client for both, in
interleaved rounds whose order is reversed every other round; ratios are taken inside a round and their median is
reported. The client is Python and shares the cores, so it dampens the ratio at 32 for both targets alike.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio

from .results import Result

MODEL = "echo"
TEXT = "How does the try statement handle exceptions in Python? " * 21
"""1.2 KB, the size of a prompt with some context."""

ROUNDS = 8
CALLS_ALONE = 200
"""Calls of a round with one under way. Chosen: the 99th percentile is then the second worst."""
CALLS_TOGETHER = 1_000
"""Calls of a round with 32 under way. Chosen: about a second."""
CONCURRENCY = 32
"""Calls under way together. Chosen: more than two cores can work on, a quarter of what inference takes."""
WARM_UP_CALLS = 100
"""Calls before a round that do not count. Arbitrary: any value from 50 to 1,000 would do; connections are made by the first."""
PERCENTILES = (50, 99)
"""The usual call, and the slowest of a hundred."""


@dataclass(frozen=True, slots=True)
class Round:
    """One target in one round: latencies alone, microseconds (p50, p99), and calls a second with 32 under way."""

    p50_us: float
    p99_us: float
    calls_per_second: float


async def gateway_overhead(direct: str, gateway: str) -> list[Result]:
    """Three ratios, gateway over direct. direct, gateway: host:port of the two gRPC endpoints.

    Raises ValueError when a reply is not the text that was sent: a fast error is no answer.
    """
    pairs: list[tuple[Round, Round]] = []
    async with (
        triton_aio.InferenceServerClient(direct) as at_triton,
        triton_aio.InferenceServerClient(gateway) as at_us,
    ):
        for client in (at_triton, at_us):
            await alone_us(client, WARM_UP_CALLS)
        for number in range(ROUNDS):
            ordered = (at_triton, at_us) if number % 2 == 0 else (at_us, at_triton)
            measured = {client: await _round(client) for client in ordered}
            pairs.append((measured[at_triton], measured[at_us]))
    return [
        _latency("p50", [pair[0].p50_us for pair in pairs], [pair[1].p50_us for pair in pairs]),
        _latency("p99", [pair[0].p99_us for pair in pairs], [pair[1].p99_us for pair in pairs]),
        _throughput(pairs),
    ]


async def _round(client: triton_aio.InferenceServerClient) -> Round:
    latencies = await alone_us(client, CALLS_ALONE)
    p50_us, p99_us = (float(value) for value in np.percentile(latencies, PERCENTILES))
    return Round(p50_us, p99_us, await together_per_s(client))


async def alone_us(client: triton_aio.InferenceServerClient, calls: int) -> list[float]:
    """Latencies of calls one after the other, microseconds."""
    latencies = []
    for _ in range(calls):
        start_ns = time.perf_counter_ns()
        await call(client)
        latencies.append((time.perf_counter_ns() - start_ns) / 1_000)
    return latencies


async def together_per_s(client: triton_aio.InferenceServerClient) -> float:
    """Calls a second with 32 under way."""
    left = iter(range(CALLS_TOGETHER))

    async def work() -> None:
        for _ in left:
            await call(client)

    start_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONCURRENCY)))
    return CALLS_TOGETHER / (time.perf_counter() - start_s)


async def call(client: triton_aio.InferenceServerClient) -> None:
    """One call. Raises ValueError when the text came back changed."""
    tensor = triton.InferInput("text_input", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([TEXT.encode()], dtype=np.object_))
    result = await client.infer(MODEL, [tensor])
    if result.as_numpy("text_output")[0].decode() != TEXT:
        raise ValueError("the echo came back changed; the measurement is void")


def _latency(name: str, direct_us: Sequence[float], gateway_us: Sequence[float]) -> Result:
    added = [ours - theirs for theirs, ours in zip(direct_us, gateway_us, strict=True)]
    ratios = [ours / theirs for theirs, ours in zip(direct_us, gateway_us, strict=True)]
    return Result(
        f"gateway, added {name} at concurrency 1", float(np.median(added)), "us", f"direct Triton, {name}",
        float(np.median(direct_us)), float(np.median(ratios)), _data(),
        f"ratio is gateway {name} over direct {name}; median of {ROUNDS} interleaved rounds of {CALLS_ALONE} calls",
    )  # fmt: skip


def _throughput(pairs: Sequence[tuple[Round, Round]]) -> Result:
    ratios = [ours.calls_per_second / theirs.calls_per_second for theirs, ours in pairs]
    return Result(
        f"gateway, throughput at concurrency {CONCURRENCY}",
        float(np.median([ours.calls_per_second for _, ours in pairs])), "calls/s",
        f"direct Triton, throughput at concurrency {CONCURRENCY}",
        float(np.median([theirs.calls_per_second for theirs, _ in pairs])), float(np.median(ratios)), _data(),
        f"ratio is gateway over direct; median of {ROUNDS} interleaved rounds of {CALLS_TOGETHER} calls",
    )  # fmt: skip


def _data() -> str:
    return f"{len(TEXT)} bytes of text through the python-backend model {MODEL!r}, tritonclient.grpc.aio as load"
