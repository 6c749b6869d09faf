"""Faults of ClickHouse and of the sink, on a second store of its own; the load goes straight into Kafka."""

from __future__ import annotations

import random
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from confluent_kafka import Consumer

from chaos.ledger import Row
from chaos.proxy import Mode, Proxy
from load import TOPIC, Load
from second_store import SecondStore
from stack import RunningStack
from waiting import eventually

RECOVER_WITHIN_S = 240.0
BATCH = 500
"""Messages sent at once; the sink sees many ranges, not one."""

ROWS = 'weir_lineage_rows_total{topic="inference-responses"}'
"""Metric of the rows that a sink inserted in this life."""


class Arena:
    """A second store and a load; at the end the ledger is closed against the store."""

    def __init__(self, stack: RunningStack, store: SecondStore, load: Load) -> None:
        self.stack = stack
        self.store = store
        self.load = load

    def row(self, fault: str, times: int, note: str = "") -> Row:
        """Wait until everything is stored, and count. The clock starts now, at the end of the last fault."""
        start_s = time.monotonic()
        eventually(self.is_closed, within_s=RECOVER_WITHIN_S, what=f"{fault}: {self.load.sent} events stored")
        recovery_s = time.monotonic() - start_s
        where = f"tenant = '{self.load.tenant}'"
        ((rows, distinct),) = self.store.sql(
            f"SELECT count(), uniqExact(event_id) FROM v_inference_responses WHERE {where}"
        )
        return Row(fault, times, self.load.sent, distinct, duplicates=rows - distinct, recovery_s=recovery_s, note=note)

    def is_closed(self) -> bool:
        """Whether as many events are stored as were sent."""
        return self.store.count("v_inference_responses", f"tenant = '{self.load.tenant}'") >= self.load.sent

    def steadily(self, count: int, seconds: float) -> threading.Thread:
        """Send `count` events over so many seconds, beside what the caller does."""

        def send() -> None:
            pause, rounds = threading.Event(), max(1, count // BATCH)
            for _ in range(rounds):
                self.load.send(count // rounds)
                pause.wait(seconds / rounds)

        thread = threading.Thread(target=send)
        thread.start()
        return thread


@contextmanager
def arena(stack: RunningStack, name: str, *, proxy: Proxy | None = None, **settings: str) -> Iterator[Arena]:
    """A fresh second store. proxy: stands before its server."""
    with tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder:
        store = SecondStore(stack, Path(folder), **settings)
        if proxy is not None:
            proxy.target_port = store.clickhouse.port
            store.point_at(proxy.port)
        with store:
            store.sink.until_ready()
            yield Arena(stack, store, Load(stack, name))


def wait_s(seconds: float) -> None:
    """Let a fault last."""
    threading.Event().wait(seconds)


def server_killed(stack: RunningStack) -> Row:
    """`kill -9` of the ClickHouse server, five times under load."""
    with arena(stack, "server-killed") as field:
        sending = field.steadily(20_000, 20)
        for _ in range(5):
            wait_s(2)
            field.store.clickhouse.kill()
            wait_s(1)
            field.store.clickhouse.start()
        sending.join()
        return field.row("ClickHouse killed", 5)


def server_gone(stack: RunningStack, seconds: float, events: int) -> Row:
    """The server is away for long under a steady load; the sink's memory is watched."""
    with arena(stack, "server-gone") as field:
        field.load.send(5_000)
        eventually(field.is_closed, within_s=60, what="the warm-up stored")
        before = _memory_mib(field)
        field.store.clickhouse.kill()
        sending, peak = field.steadily(events, seconds), before
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            wait_s(0.5)
            peak = max(peak, _memory_mib(field))
        sending.join()
        field.store.clickhouse.start()
        note = f"sink's memory in the outage: {before:.0f} -> at most {peak:.0f} MiB"
        return field.row(f"ClickHouse gone {seconds:.0f} s", 1, note)


def _memory_mib(field: Arena) -> float:
    return float(field.store.sink.process.memory_info().rss) / 2**20


def _proxied(stack: RunningStack, fault: str, name: str, act: Callable[[Arena, Proxy], int], **settings: str) -> Row:
    with Proxy() as proxy, arena(stack, name, proxy=proxy, **settings) as field:
        times = act(field, proxy)
        proxy.mode = "pass"
        return field.row(fault, times)


def answers_lost(stack: RunningStack) -> Row:
    """Inserts are applied and their answers vanish: each is sent again under the same token."""

    def act(field: Arena, proxy: Proxy) -> int:
        for _ in range(5):
            _under(field, proxy, "swallow", lambda: proxy.faults, 2)
        return proxy.faults

    return _proxied(stack, "insert applied, answer lost", "answers-lost", act)


def connections_reset(stack: RunningStack) -> Row:
    """Connections to the server are cut with RST in the middle."""

    def act(field: Arena, proxy: Proxy) -> int:
        for _ in range(5):
            _under(field, proxy, "reset", lambda: proxy.faults, 2)
        return proxy.faults

    return _proxied(stack, "connections to ClickHouse reset", "reset", act)


def server_slow(stack: RunningStack) -> Row:
    """Ten seconds an answer."""

    def act(field: Arena, proxy: Proxy) -> int:
        proxy.delay_s = 10.0
        _under(field, proxy, "slow", lambda: proxy.faults, 2)
        return proxy.faults

    return _proxied(stack, "ClickHouse slow, 10 s an answer", "slow", act)


def half_open(stack: RunningStack) -> Row:
    """The connection is there and nobody answers: it is given up after the store's timeout."""

    def act(field: Arena, proxy: Proxy) -> int:
        failures = 'weir_lineage_insert_failures_total{kind="transient"}'
        _under(field, proxy, "silent", lambda: int(field.store.sink.metric(failures)), 1)
        return 1

    return _proxied(stack, "connection to ClickHouse half-open", "half-open", act, WEIR_LINEAGE_STORE_TIMEOUT_S="5")


def _under(field: Arena, proxy: Proxy, mode: Mode, count: Callable[[], int], more: int) -> None:
    """Hold a mode under load until so many more faults were met."""
    before = count()
    proxy.mode = mode
    field.load.send(BATCH)
    eventually(lambda: count() >= before + more, within_s=60, what=f"{more} faults of mode {mode}")
    proxy.mode = "pass"
    field.load.send(BATCH)


def sink_killed(stack: RunningStack, times: int, events: int) -> Row:
    """`kill -9` of the sink at random instants while it inserts: between intent, insert and commit."""
    dice = random.Random(4)  # instants of kills, no secret
    with arena(stack, "sink-killed", WEIR_LINEAGE_BATCH_MESSAGES_MAX="200", WEIR_LINEAGE_FLUSH_S="0.05") as field:
        for _ in range(times):
            field.load.send(events // times)
            eventually(lambda: _metric(field, ROWS) > 0, within_s=60, what="a first insert of this life")
            wait_s(dice.uniform(0, 0.15))
            field.store.sink.kill()
            field.store.sink.start()
        return field.row("sink killed between insert and commit", times)


def _metric(field: Arena, line: str) -> float:
    try:
        return field.store.sink.metric(line)
    except httpx2.TransportError:
        return 0.0


def owner_paused(stack: RunningStack) -> Row:
    """The sink is frozen past its session, and wakes: its partitions were taken from it."""
    with arena(stack, "paused") as field:
        for _ in range(2):
            field.load.send(2_000)
            field.store.sink.send(signal.SIGSTOP)
            field.load.send(2_000)
            wait_s(15)
            field.store.sink.send(signal.SIGCONT)
        return field.row("sink frozen 15 s past its session", 2)


def rebalance_storm(stack: RunningStack) -> Row:
    """Another member joins the sink's group and leaves again, every two seconds."""
    with arena(stack, "storm") as field:
        sending = field.steadily(20_000, 30)
        for _ in range(10):
            stranger = Consumer(
                {
                    "bootstrap.servers": stack.kafka_bootstrap,
                    "group.id": field.store.group,
                    "partition.assignment.strategy": "cooperative-sticky",
                    "enable.auto.commit": False,
                    "log_level": 2,
                }
            )
            stranger.subscribe([TOPIC])
            stranger.poll(2)
            stranger.close()
            wait_s(1)
        sending.join()
        return field.row("rebalance storm", 10)


def registry_down(stack: RunningStack) -> Row:
    """The schema registry is away while the sink starts: the ids it knows go on."""
    with arena(stack, "registry") as field:
        field.load.send(1_000)
        eventually(field.is_closed, within_s=60, what="a first batch stored")
        stack.stop("registry")
        try:
            field.load.send(1_000)
            field.store.sink.kill()
            field.store.sink.start()
            field.load.send(1_000)
            return field.row("schema registry down", 1)
        finally:
            stack.start("registry")
            stack.until_ready("registry")


def disk_full(stack: RunningStack) -> Row:
    """The server's disk is full for a while: a small tmpfs, filled and freed. Needs root."""
    with tempfile.TemporaryDirectory(prefix="weir-chaos-disk-") as folder:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", folder], check=True)
        try:
            with arena(stack, "disk", WEIR_LINEAGE_FLUSH_S="0.2") as field:
                field.store.move_clickhouse(Path(folder) / "clickhouse")
                field.load.send(1_000)
                ballast = Path(folder) / "ballast"
                _fill(ballast)
                failures = 'weir_lineage_insert_failures_total{kind="transient"}'
                field.load.send(3_000)
                eventually(lambda: field.store.sink.metric(failures) >= 1, within_s=60, what="a full disk")
                ballast.unlink()
                return field.row("ClickHouse's disk full", 1)
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 1_048_576)
        except OSError:
            return


def poison(stack: RunningStack) -> Row:
    """One message in a hundred is bad: it is put aside, the others are stored."""
    with arena(stack, "poison") as field:
        bad = 0
        for _ in range(50):
            field.load.send(99)
            field.load.send_poison()
            bad += 1
        before = field.row("poison", bad)
        where = f"consumer_group = '{field.store.group}' AND topic = '{TOPIC}'"
        eventually(lambda: field.store.count("v_dead_letters", where) >= bad, within_s=60, what=f"{bad} dead letters")
        dead = field.store.count("v_dead_letters", where)
        return Row(
            "poison, 1 message in 100",
            bad,
            before.acknowledged + bad,
            before.stored,
            dead_lettered=dead,
            duplicates=before.duplicates,
            recovery_s=before.recovery_s,
        )
