"""ClickHouse is killed, gone for long, slow, full, or behind a bad connection."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from chaos.arena import TRANSIENT, Arena, arena, held
from chaos.faults.spool import fill, small_disk
from chaos.proxy import Mode, Proxy
from harness.accounts.ledger import Row
from harness.stack.running_stack import RunningStack
from harness.stack.service_process import ServiceProcess
from harness.waiting import NOTICED_WITHIN_S, eventually, lasts

GROWTH_MAX_MIB = 50.0
"""MiB the sink's memory may grow while its server is away. Specified."""

SLOW_S = 10.0
"""Seconds a slow server takes for one answer. Specified."""

FILLED_BYTES_A_SECOND = 268_435_456
"""How fast something else fills that disk. Chosen: as fast as a disk is written; tmpfs takes two gigabytes a second, and
then no reserve is large enough (docs/chaos.md, "What it found")."""

DISK_MIB = 768
"""MiB of that disk. Chosen: the sink reads the whole log of the stack into it first, about 100 MiB late in the suite."""


def killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the server under load."""
    with arena(stack, "server-killed") as field:
        sending = field.steadily(4_000 * times, 4 * times)
        for _ in range(times):
            lasts(2)
            field.store.clickhouse.kill()
            lasts(1)
            field.store.clickhouse.start()
        sending.join()
        return field.row("ClickHouse killed", times)


def gone(stack: RunningStack, seconds: float, events: int) -> Row:
    """The server is away for long under a steady load; the sink's memory must stay where it was."""
    with arena(stack, "server-gone") as field:
        field.load.send(5_000)
        field.until_closed()
        # The sink reads the whole log of the stack first; what that needs is not what the outage needs.
        field.until_caught_up()
        before_mib = memory_mib(field.store.sink)
        field.store.clickhouse.kill()
        sending = field.steadily(events, seconds)
        peak_mib = peak_memory_mib(field.store.sink, seconds)
        sending.join()
        field.store.clickhouse.start()
        row = field.row(f"ClickHouse gone {seconds:.0f} s", 1)
        after_mib = max(peak_mib, memory_mib(field.store.sink))
        return _within_growth(row, before_mib, peak_mib, after_mib)


def _within_growth(row: Row, before_mib: float, peak_mib: float, after_mib: float) -> Row:
    growth_mib = peak_mib - before_mib
    note = (
        f"sink's memory {before_mib:.0f} MiB, {growth_mib:+.1f} in the outage, {after_mib - before_mib:+.1f} at its end"
    )
    problem = f"memory grew by {growth_mib:.0f} MiB" if growth_mib >= GROWTH_MAX_MIB else ""
    return replace(row, note=note, problem=problem)


def memory_mib(service: ServiceProcess) -> float:
    """Resident memory of a service, MiB."""
    return float(service.process.memory_info().rss) / 2**20


def peak_memory_mib(service: ServiceProcess, seconds: float) -> float:
    """The most resident memory in the next seconds, MiB."""
    until_s, peak_mib = time.monotonic() + seconds, 0.0
    while time.monotonic() < until_s:
        peak_mib = max(peak_mib, memory_mib(service))
        lasts(0.5)
    return peak_mib


def slow(stack: RunningStack) -> Row:
    """Ten seconds an answer."""

    def act(field: Arena, proxy: Proxy) -> int:
        proxy.delay_s = SLOW_S
        _under(field, proxy, "slow", lambda: proxy.faults, 2)
        return proxy.faults

    return _proxied(stack, f"ClickHouse slow, {SLOW_S:.0f} s an answer", "slow", act)


def answers_lost(stack: RunningStack, times: int) -> Row:
    """Inserts are applied and their answers vanish: each is sent again under the same token."""
    return _repeated(stack, "insert applied, answer lost", "swallow", times)


def connections_reset(stack: RunningStack, times: int) -> Row:
    """Connections to the server are cut with RST in the middle."""
    return _repeated(stack, "connections to ClickHouse reset", "reset", times)


def half_open(stack: RunningStack) -> Row:
    """The connection is there and nobody answers: it is given up after the store's timeout."""

    def act(field: Arena, proxy: Proxy) -> int:
        _under(field, proxy, "silent", lambda: int(field.metric(TRANSIENT)), 1)
        return 1

    return _proxied(stack, "connection to ClickHouse half-open", "half-open", act, WEIR_LINEAGE_STORE_TIMEOUT_S="5")


def disk_full(stack: RunningStack, times: int) -> Row:
    """The server's disk is full for a while: a small tmpfs, filled and freed. Needs root."""
    with small_disk(DISK_MIB) as folder, arena(stack, "disk") as field:
        field.store.move_clickhouse(Path(folder) / "clickhouse")
        for _ in range(times):
            field.load.send(1_000)
            fill(folder / "ballast", FILLED_BYTES_A_SECOND)
            failures = field.metric(TRANSIENT)
            field.load.send(3_000)
            is_noticed = partial(_is_above, field, failures)
            eventually(is_noticed, within_s=NOTICED_WITHIN_S, what="a full disk")
            (folder / "ballast").unlink()
        return field.row("ClickHouse's disk full", times)


def _is_above(field: Arena, failures: float) -> bool:
    return field.metric(TRANSIENT) > failures


def _repeated(stack: RunningStack, fault: str, mode: Mode, times: int) -> Row:
    def act(field: Arena, proxy: Proxy) -> int:
        for _ in range(times):
            _under(field, proxy, mode, lambda: proxy.faults, 2)
        return proxy.faults

    return _proxied(stack, fault, mode, act)


def _proxied(stack: RunningStack, fault: str, name: str, act: Callable[[Arena, Proxy], int], **settings: str) -> Row:
    with Proxy() as proxy, arena(stack, name, settings, proxy=proxy, is_from_now=True) as field:
        times = act(field, proxy)
        proxy.mode = "pass"
        return field.row(fault, times)


def _under(field: Arena, proxy: Proxy, mode: Mode, count: Callable[[], int], more: int) -> None:
    """Hold a mode under load until so many more faults were met."""
    before = count()

    def hold() -> None:
        proxy.mode = mode

    def release() -> None:
        proxy.mode = "pass"

    held(field, hold, release, lambda: count() >= before + more)
