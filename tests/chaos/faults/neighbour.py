"""Two tenants, one of which misbehaves in every way: the other one is answered, and hardly more slowly."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc
import numpy as np

from asking import ask_on
from chaos.books import row_of_numbers
from chaos.guests import paced_gateway
from chaos.ledger import Row
from chaos.patience import NOTICED_WITHIN_S, is_reached
from second_gateway import SecondGateway
from service_process import status_of
from stack import RunningStack

QUESTION = "pause_ms=25"
"""What the well-behaved tenant asks; the model takes so long for it. Chosen: near that of the example model."""

SLOWDOWN_MAX = 2.0
"""How many times its quiet value the 99th percentile may be. Specified."""

LIMITS = {"calls_per_minute": 120, "calls_at_once": 8, "streams_at_once": 16, "bytes_in_hand": 16_777_216}
"""What the neighbour's key may have. Chosen: a small customer's."""

LIMITED = "weir_gateway_limited_total"
REFUSED = "weir_gateway_refusals_total"
MANY_REFUSALS = 1_000
"""Refusals after which the neighbour is in full swing. Chosen."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers of the well-behaved tenant."""

    p50_ms: float
    p99_ms: float
    failed: int


def misbehaving(stack: RunningStack, calls: int) -> Row:
    """The well-behaved tenant calls in quiet, and beside its neighbour. calls: of each."""
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder:
        key, file = _neighbours_key(Path(folder))
        with paced_gateway(stack, "neighbour", WEIR_GATEWAY_KEYS_FILE=str(file), WEIR_GATEWAY_REQUEST_READ_S="1") as (
            gateway,
            _,
        ):
            measure(gateway, calls // 5)  # connections, caches
            quiet = measure(gateway, calls)
            with neighbour(gateway, key):
                is_bad = is_reached(lambda: gateway.gateway.metric(REFUSED) >= MANY_REFUSALS, NOTICED_WITHIN_S)
                beside = measure(gateway, calls)
                health = {status_of(f"{gateway.gateway.url}{page}") for page in ("/healthz", "/readyz")}
            limited = int(gateway.gateway.metric(LIMITED))
            row = row_of_numbers(stack, "a neighbour that misbehaves in every way", 1, gateway.life, gateway.used)
    problems = [] if is_bad else ["the neighbour was not felt"]
    problems += [f"{quiet.failed + beside.failed} calls of the other failed"] if quiet.failed + beside.failed else []
    problems += [f"health pages said {health}"] if health != {200} else []
    slowdown = beside.p99_ms / quiet.p99_ms
    problems += [f"p99 {slowdown:.1f} times its quiet value"] if slowdown > SLOWDOWN_MAX else []
    note = f"p99 {quiet.p99_ms:.0f} -> {beside.p99_ms:.0f} ms, p50 {quiet.p50_ms:.0f} -> {beside.p50_ms:.0f} ms"
    return replace(row, note=f"{note}; {limited} times a limit was in the way", problem="; ".join(problems))


def measure(gateway: SecondGateway, calls: int) -> Measured:
    """Calls of the tenant without a key, one after the other."""
    took_ms, failed = list[float](), 0
    with grpc.insecure_channel(gateway.grpc_address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        for _ in range(calls):
            start_s = time.perf_counter()
            try:
                ask_on(channel, QUESTION, timeout_s=15.0)
            except grpc.RpcError:
                failed += 1
            took_ms.append((time.perf_counter() - start_s) * 1_000)
    p50_ms, p99_ms = (float(value) for value in np.percentile(took_ms, (50, 99)))
    return Measured(p50_ms, p99_ms, failed)


@contextmanager
def neighbour(gateway: SecondGateway, key: str) -> Iterator[None]:
    """The process that misbehaves, while the block runs."""
    command = [sys.executable, "-m", "chaos.bad_neighbour", gateway.grpc_address, gateway.gateway.url, key]
    tests = str(Path(__file__).parents[2])
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": tests}, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait(60)


def _neighbours_key(folder: Path) -> tuple[str, Path]:
    prefix = secrets.token_hex(4)
    key = f"weir_{prefix}_{secrets.token_urlsafe(32)}"
    entry = {
        "id": "neighbour", "prefix": prefix, "sha256": hashlib.sha256(key.encode()).hexdigest(), "tenant": "neighbour",
        "scopes": ["infer", "models"], "limits": LIMITS,
    }  # fmt: skip
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": [entry]}))
    return key, path
