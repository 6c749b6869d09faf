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

from chaos.guests import paced_gateway
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_numbers
from harness.calls.asking import ask_on
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.stack.service_process import status_of
from harness.waiting import NOTICED_WITHIN_S, is_reached

QUESTION = "pause_ms=25"
"""What the well-behaved tenant asks; the model takes so long for it. Chosen: near that of the example model."""

SLOWDOWN_MAX = 2.0
"""How many times its quiet value the 99th percentile may be. Specified."""

LIMITS = {"calls_per_minute": 120, "calls_at_once": 8, "streams_at_once": 16, "bytes_in_hand": 16_777_216}
"""What the neighbour's key may have. Chosen: a small customer's."""

LIMITED = "weir_gateway_limited_total"
REFUSED = "weir_gateway_refusals_total"
MANY_REFUSALS = 1_000
"""Refusals after which the neighbour is in full swing. Arbitrary; any value from 200 to 5,000 would do."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers of the well-behaved tenant."""

    took_ms: list[float]
    failed: int
    words: set[str]
    """The error of a call that failed."""


def misbehaving(stack: RunningStack, calls: int, percentile: int | None = 99) -> Row:
    """The well-behaved tenant calls in quiet, beside its neighbour, and in quiet again.

    calls: of each time. percentile: that is compared; None where no time is judged, as in `make test`: other tests and
    other people use the machine too.
    """
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder:
        good, bad, keys_file = _keys(Path(folder))
        with paced_gateway(
            stack,
            "neighbour",
            WEIR_GATEWAY_KEYS_FILE=str(keys_file),
            WEIR_GATEWAY_ANONYMOUS_TENANT="",
            WEIR_GATEWAY_REQUEST_READ_S="1",
        ) as (gateway, _):
            measure(gateway, good, calls // 5)  # connections, caches
            before = measure(gateway, good, calls)
            with neighbour(gateway, bad):
                is_bad = is_reached(lambda: gateway.gateway.metric(REFUSED) >= MANY_REFUSALS, NOTICED_WITHIN_S)
                beside = measure(gateway, good, calls)
                health = {status_of(f"{gateway.gateway.url}{page}") for page in ("/healthz", "/readyz")}
            after = measure(gateway, good, calls)
            limited = int(gateway.gateway.metric(LIMITED))
            row = row_of_numbers(stack, "a neighbour that misbehaves in every way", 1, gateway.life, gateway.used)
    failed = before.failed + beside.failed + after.failed
    compared = percentile or 99
    quiet_ms = np.percentile([*before.took_ms, *after.took_ms], compared)
    beside_ms = np.percentile(beside.took_ms, compared)
    problems = [] if is_bad else ["the neighbour was not felt"]
    problems += [f"{failed} calls of the other failed: {before.words | beside.words | after.words}"] if failed else []
    problems += [f"health pages said {health}"] if health != {200} else []
    slowdown = beside_ms / quiet_ms
    is_slow = percentile is not None and slowdown > SLOWDOWN_MAX
    problems += [f"p{compared} {slowdown:.1f} times its quiet value"] if is_slow else []
    note = f"p{compared} {quiet_ms:.0f} -> {beside_ms:.0f} ms; {limited} times a limit was in the way"
    return replace(row, note=note, problem="; ".join(problems))


def measure(gateway: SecondGateway, key: str, calls: int) -> Measured:
    """Calls with a key, one after the other."""
    took_ms, failed, words = list[float](), 0, set[str]()
    with grpc.insecure_channel(gateway.grpc_address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        for _ in range(calls):
            start_s = time.perf_counter()
            try:
                ask_on(channel, QUESTION, timeout_s=15.0, authorization=f"Bearer {key}")
            except grpc.RpcError as error:
                failed += 1
                words.add(f"{error.code().name} {error.details()}"[:200])
            took_ms.append((time.perf_counter() - start_s) * 1_000)
    return Measured(took_ms, failed, words)


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


def _keys(folder: Path) -> tuple[str, str, Path]:
    """The keys of both tenants, and the file of a gateway that knows them and nobody else."""
    (good, good_entry), (bad, bad_entry) = (_key(tenant) for tenant in ("good", "neighbour"))
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": [good_entry, {**bad_entry, "limits": LIMITS}]}))
    return good, bad, path


def _key(tenant: str) -> tuple[str, dict[str, object]]:
    """A key of the tenant, and its entry in a keys file."""
    prefix = secrets.token_hex(4)
    key = f"weir_{prefix}_{secrets.token_urlsafe(32)}"
    digest = hashlib.sha256(key.encode()).hexdigest()
    entry: dict[str, object] = {
        "id": tenant,
        "prefix": prefix,
        "sha256": digest,
        "tenant": tenant,
        "scopes": ["infer", "models"],
        "routes": ["*"],
        "expires_us": None,
    }
    return key, entry
