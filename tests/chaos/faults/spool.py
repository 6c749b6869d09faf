"""The gateway's spool: full, on a full disk, torn, corrupt. What is not taken is shed and named, or refused."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import inf
from pathlib import Path

from chaos.guests import second_gateway
from chaos.refusing_gateway import REFUSES
from harness.accounts.ledger import Row
from harness.accounts.stored_calls import row_of_calls, row_of_numbers
from harness.calls.callers import Calls, calling
from harness.stack.running_stack import RunningStack
from harness.stack.second_gateway import SecondGateway
from harness.waiting import NOTICED_WITHIN_S, eventually, lasts

SMALL_SPOOL_BYTES = "131072"
"""About fifty calls."""

DISK_MIB = 1
SHED = "weir_gateway_shed_events_total"
SYNC_FAILURES = "weir_gateway_sync_failures_total"


def outlived(stack: RunningStack, policy: str) -> Row:
    """Nothing leaves the spool for longer than it lasts: its drain is frozen."""
    settings = {"WEIR_GATEWAY_SPOOL_BYTES_MAX": SMALL_SPOOL_BYTES, "WEIR_GATEWAY_ON_FULL": policy}
    with second_gateway(stack, f"full-{policy}", **settings) as gateway:
        gateway.drain.send(signal.SIGSTOP)
        with calling(lambda: gateway.grpc_address) as calls:
            until_full(gateway, calls, policy)
            gateway.drain.send(signal.SIGCONT)
            calls.more(40)
        return row_of_policy(stack, f"spool full, {policy}", policy, gateway, calls)


def disk_full(stack: RunningStack, policy: str) -> Row:
    """The spool's disk is full, then has room again: a small tmpfs and a file that fills it. Needs root."""
    with (
        small_disk(DISK_MIB) as folder,
        second_gateway(
            stack, f"disk-{policy}", WEIR_DATA_DIR=str(folder / "data"), WEIR_GATEWAY_ON_FULL=policy
        ) as gateway,
    ):
        gateway.drain.send(signal.SIGSTOP)
        with calling(lambda: gateway.grpc_address) as calls:
            calls.more(10)
            fill(folder / "ballast")
            until_full(gateway, calls, policy)
            (folder / "ballast").unlink()
            gateway.drain.send(signal.SIGCONT)
            calls.more(40)
        return row_of_policy(stack, f"spool's disk full, {policy}", policy, gateway, calls)


def sync_refused(stack: RunningStack, times: int) -> Row:
    """The disk refuses to sync, again and again, with durability fsync: what was acknowledged was synced.

    A sync that failed is never repeated on the same file and believed: the kernel may have dropped the bytes.
    """
    with second_gateway(stack, "sync", WEIR_GATEWAY_DURABILITY="fsync", WEIR_GATEWAY_ON_FULL="reject") as gateway:
        flag = gateway.gateway.log.with_name("disk-refuses")
        gateway.gateway.kill()
        gateway.gateway.command = [sys.executable, "-m", "chaos.refusing_gateway"]
        gateway.gateway.start(**{REFUSES: str(flag), "PYTHONPATH": os.pathsep.join(sys.path)})
        gateway.gateway.until_ready()
        with calling(lambda: gateway.grpc_address) as calls:
            for _ in range(times):
                calls.more(20)
                failures = gateway.gateway.metric(SYNC_FAILURES)
                flag.touch()
                eventually(
                    partial(_rose, gateway, failures), within_s=NOTICED_WITHIN_S, what="a refused sync in the metrics"
                )
                flag.unlink()
            calls.more(20)
        row = row_of_calls(stack, "the spool's disk refuses to sync", times, calls.acknowledged)
        return replace(row, note=f"{calls.refused} calls got the error that they are not on the disk")


def _rose(gateway: SecondGateway, before: float) -> bool:
    return gateway.gateway.metric(SYNC_FAILURES) > before


def until_full(gateway: SecondGateway, calls: Calls, policy: str) -> None:
    """Wait until the full spool shows: calls are refused, or go on and their events are shed."""
    if policy == "reject":
        eventually(lambda: calls.refused >= 5, within_s=NOTICED_WITHIN_S, what="refused calls")
    else:
        eventually(lambda: gateway.gateway.metric(SHED) >= 10, within_s=NOTICED_WITHIN_S, what="shed events")
        calls.more(10)


def row_of_policy(stack: RunningStack, fault: str, policy: str, gateway: SecondGateway, calls: Calls) -> Row:
    """The numbers of the gateway, and whether its policy was kept. reject: nothing of an answered call is missing."""
    row = row_of_numbers(stack, fault, 1, gateway.life, gateway.used)
    if policy == "shed":
        problem = f"{calls.refused} calls were refused" if calls.refused else ""
        return replace(row, note=f"all {len(calls.acknowledged)} calls answered", problem=problem)
    whole = row_of_calls(stack, fault, 1, calls.acknowledged)
    unexpected = set(calls.refusals) - {"RESOURCE_EXHAUSTED"}
    problems = [f"{whole.lost} events of answered calls missing"] if whole.lost else []
    problems += [f"calls failed with {unexpected}"] if unexpected else []
    note = f"{len(calls.acknowledged)} calls answered, {calls.refused} refused with a word"
    return replace(row, note=note, problem="; ".join(problems))


def torn(stack: RunningStack) -> Row:
    """A gateway dies in the middle of a write: half a record at the end of its segment."""
    with second_gateway(stack, "torn") as gateway:
        gateway.drain.kill()
        ids = [gateway.ask().request_id for _ in range(20)]
        gateway.gateway.kill()
        newest = max(gateway.spool.glob("*.seg"))
        with newest.open("ab") as file:
            file.write(newest.read_bytes()[:77])
        gateway.gateway.start()
        gateway.gateway.until_ready()
        gateway.drain.start()
        ids += [gateway.ask().request_id for _ in range(5)]
        return row_of_calls(stack, "spool torn", 1, ids, "half a record cut off")


def corrupt(stack: RunningStack) -> Row:
    """A byte of the spool flips on the disk: the record is quarantined and its numbers are named."""
    with second_gateway(stack, "corrupt") as gateway:
        gateway.drain.kill()
        for _ in range(20):
            gateway.ask()
        segment = max(gateway.spool.glob("*.seg"))
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 0xFF
        segment.write_bytes(data)
        gateway.drain.start()
        gateway.drain.until_ready()
        for _ in range(5):  # the next good record tells which numbers the bad one held
            gateway.ask()
        row = row_of_numbers(stack, "spool corrupt", 1, gateway.life, gateway.used, "quarantined and named")
        return replace(row, problem="" if row.corrupt else "the flipped byte was not noticed")


@contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """A file system of so many MiB. Needs root."""
    with tempfile.TemporaryDirectory(prefix="weir-chaos-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def fill(path: Path, bytes_a_second: float = inf) -> None:
    """Write until the disk takes no byte more, at most so fast."""
    start_s = time.monotonic()
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 1_024, 1):
            try:
                while True:
                    file.write(b"\0" * size)
                    lasts(max(0.0, start_s + file.tell() / bytes_a_second - time.monotonic()))
            except OSError:
                continue
