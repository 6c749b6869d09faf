"""Faults around the gateway, its spool, its drain, Kafka and the model server, with calls of stock clients."""

from __future__ import annotations

import random
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import grpc

from asking import ask_on
from chaos.ledger import Row
from chaos.store_faults import wait_s
from second_gateway import SecondGateway
from stack import RunningStack
from waiting import eventually

EVENTS_PER_CALL = 3
WORKERS = 4
IDS_AT_ONCE = 200
RECOVER_WITHIN_S = 180.0


class Calls:
    """Callers in threads; the ids of acknowledged answers are kept, refused calls counted."""

    def __init__(self, address: Callable[[], str], *, pause_s: float = 0.0) -> None:
        self._address = address
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.refused = 0
        self._threads = [threading.Thread(target=self._work) for _ in range(WORKERS)]

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Stop calling and wait for the calls in hand."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def until(self, acknowledged: int) -> None:
        """Wait until so many calls were acknowledged."""
        eventually(lambda: len(self.acknowledged) >= acknowledged, within_s=180, what=f"{acknowledged} answers")

    def _work(self) -> None:
        while not self._stop.is_set():
            with grpc.insecure_channel(self._address()) as channel:
                try:
                    while not self._stop.wait(self._pause_s):
                        asked = ask_on(channel, "What is a generator?", timeout_s=15)
                        with self._lock:
                            self.acknowledged.append(asked.request_id)
                except grpc.RpcError:
                    with self._lock:
                        self.refused += 1
                    self._stop.wait(0.2)


@contextmanager
def calling(address: Callable[[], str], **options: float) -> Iterator[Calls]:
    """Calls while the block runs."""
    calls = Calls(address, **options)
    calls.start()
    try:
        yield calls
    finally:
        calls.finish()


def ledger(stack: RunningStack, fault: str, times: int, ids: Sequence[str], *, shed: int = 0, note: str = "") -> Row:
    """Wait until every acknowledged call is stored with all its events, and count. shed: events with a gap record."""
    expected = len(ids) * EVENTS_PER_CALL - shed
    start_s = time.monotonic()
    eventually(
        lambda: _stored(stack, ids)[1] >= expected, within_s=RECOVER_WITHIN_S, what=f"{fault}: {expected} events stored"
    )
    rows, distinct = _stored(stack, ids)
    return Row(
        fault,
        times,
        len(ids) * EVENTS_PER_CALL,
        distinct,
        shed=shed,
        duplicates=rows - distinct,
        recovery_s=time.monotonic() - start_s,
        note=note,
    )


def _stored(stack: RunningStack, ids: Sequence[str]) -> tuple[int, int]:
    """Rows and distinct events of calls, over all three views."""
    rows = distinct = 0
    for view, also in (
        ("v_inference_requests", ""),
        ("v_inference_responses", ""),
        ("v_spans", " AND service = 'gateway'"),
    ):
        for start in range(0, len(ids), IDS_AT_ONCE):
            quoted = ",".join(f"'{one}'" for one in ids[start : start + IDS_AT_ONCE])
            ((found, unique),) = stack.sql(
                f"SELECT count(), uniqExact(request_id) FROM {view} WHERE request_id IN ({quoted}){also}"
            )
            rows, distinct = rows + int(found), distinct + int(unique)
    return rows, distinct


def gateway_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the gateway at random instants of calls."""
    dice = random.Random(5)  # instants of kills, no secret
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.until(len(calls.acknowledged) + 40)
            wait_s(dice.uniform(0, 0.1))
            stack.kill("gateway", signal.SIGKILL)
        calls.until(len(calls.acknowledged) + 40)
    return ledger(
        stack, "gateway killed in calls", times, calls.acknowledged, note=f"{calls.refused} calls failed visibly"
    )


def drain_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of the drain while it sends."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.until(len(calls.acknowledged) + 30)
            stack.kill("gateway-drain", signal.SIGKILL)
    return ledger(stack, "drain killed", times, calls.acknowledged)


def broker(stack: RunningStack, fault: str, times: int, act: Callable[[], None], undo: Callable[[], None]) -> Row:
    """Something happens to Kafka under calls, which do not notice."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.until(len(calls.acknowledged) + 20)
            act()
            calls.until(len(calls.acknowledged) + 20)
            undo()
        calls.until(len(calls.acknowledged) + 20)
    return ledger(stack, fault, times, calls.acknowledged, note=f"{calls.refused} calls refused")


def broker_killed(stack: RunningStack) -> Row:
    """`kill -9` of the broker."""
    return broker(
        stack,
        "broker killed",
        2,
        lambda: stack.kill("kafka", signal.SIGKILL),
        lambda: stack.until_ready("kafka"),
    )


def broker_restarted(stack: RunningStack) -> Row:
    """The broker stops cleanly and comes back."""

    def back() -> None:
        stack.start("kafka")
        stack.until_ready("kafka")

    return broker(stack, "broker restarted", 2, lambda: stack.stop("kafka"), back)


def broker_frozen(stack: RunningStack, seconds: float) -> Row:
    """The broker is frozen: connections stand, nobody answers."""

    def thaw() -> None:
        wait_s(seconds)
        stack.kill("kafka", signal.SIGCONT)

    return broker(stack, f"broker frozen {seconds:.0f} s", 1, lambda: stack.kill("kafka", signal.SIGSTOP), thaw)


def triton_killed(stack: RunningStack) -> Row:
    """`kill -9` of the model server in calls: a clear error, an event, recovery without a restart of ours."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(2):
            calls.until(len(calls.acknowledged) + 20)
            stack.kill("triton", signal.SIGKILL)
            calls.until(len(calls.acknowledged) + 20)
    return ledger(stack, "Triton killed", 2, calls.acknowledged, note=f"{calls.refused} calls failed visibly")


def loop_stalled(stack: RunningStack) -> Row:
    """The gateway stands still for five seconds."""
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(2):
            calls.until(len(calls.acknowledged) + 20)
            stack.kill("gateway", signal.SIGSTOP)
            wait_s(5)
            stack.kill("gateway", signal.SIGCONT)
        calls.until(len(calls.acknowledged) + 20)
    return ledger(stack, "gateway's event loop stalled 5 s", 2, calls.acknowledged)


def consumers_killed(stack: RunningStack, times: int) -> Row:
    """`kill -9` of evaluator, drift, inference and alerts: the calls' own events are not theirs to lose, and each answer
    is scored once.
    """
    with calling(lambda: stack.gateway_grpc) as calls:
        for _ in range(times):
            calls.until(len(calls.acknowledged) + 30)
            for name in ("evaluator", "drift", "alerts"):
                stack.kill(name, signal.SIGKILL)
    row = ledger(stack, "evaluator, drift, alerts killed", times * 3, calls.acknowledged)
    scores, distinct, expected = _scores(stack, calls.acknowledged)
    return Row(
        row.fault,
        row.times,
        row.acknowledged + expected,
        row.stored + distinct,
        duplicates=row.duplicates + scores - distinct,
        recovery_s=row.recovery_s,
        note=f"{distinct} scores of {expected} due",
    )


def _scores(stack: RunningStack, ids: Sequence[str]) -> tuple[int, int, int]:
    """Score rows, distinct (call, evaluator) pairs, and how many pairs are due: as many for each call."""
    quoted = ",".join(f"'{one}'" for one in ids[:IDS_AT_ONCE])
    query = (
        "SELECT count(), uniqExact(tuple(request_id, evaluator)), uniqExact(evaluator) FROM v_evaluation_scores"
        f" WHERE request_id IN ({quoted})"
    )
    sampled = min(len(ids), IDS_AT_ONCE)

    def whole() -> tuple[int, int, int] | None:
        ((rows, distinct, evaluators),) = stack.sql(query)
        return (int(rows), int(distinct), int(evaluators) * sampled) if distinct == evaluators * sampled else None

    return eventually(whole, within_s=120, what="every call scored by every evaluator") or (0, 0, 0)


@contextmanager
def second_gateway(stack: RunningStack, instance: str, **settings: str) -> Iterator[SecondGateway]:
    """A gateway with a spool of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="weir-chaos-") as folder,
        SecondGateway(stack, Path(folder), f"{instance}-{time.time_ns()}", **settings) as gateway,
    ):
        yield gateway


def spool_outlived(stack: RunningStack, policy: str) -> Row:
    """Kafka is away for longer than the spool lasts; its drain is frozen, which is the same to the gateway."""
    with second_gateway(
        stack, f"full-{policy}", WEIR_GATEWAY_SPOOL_BYTES_MAX="131072", WEIR_GATEWAY_ON_FULL=policy
    ) as gateway:
        gateway.drain.send(signal.SIGSTOP)
        with calling(lambda: gateway.grpc_address) as calls:
            if policy == "reject":
                eventually(lambda: calls.refused >= 5, within_s=60, what="refused calls")
            else:
                calls.until(300)
            gateway.drain.send(signal.SIGCONT)
            calls.until(len(calls.acknowledged) + 40)
        used, life = gateway.used, gateway.life
        shed = _shed_events(stack, life, used)
        note = f"{calls.refused} calls refused" if policy == "reject" else "every call went on"
        return _numbers_row(stack, f"spool full, {policy}", life, used, shed, note)


def _shed_events(stack: RunningStack, life: tuple[str, int], used: int) -> int:
    """Numbers that gap records name, once the accounts reach the last number used."""
    where = f"numbered_source = '{life[0]}' AND numbered_boot_epoch = {life[1]}"

    def reached() -> bool:
        return int(stack.sql(f"SELECT max(last_seq) FROM v_accounts WHERE {where}")[0][0]) >= used - 1

    eventually(reached, within_s=60, what="the account of the last number")
    return int(
        stack.sql(f"SELECT sum(last_seq - first_seq + 1) FROM v_accounts WHERE {where} AND account = 'shed'")[0][0]
    )


def _numbers_row(
    stack: RunningStack, fault: str, life: tuple[str, int], used: int, shed: int, note: str, corrupt: int = 0
) -> Row:
    """A row counted by sequence numbers, which include the events of calls that were refused."""
    where = f"source = '{life[0]}' AND boot_epoch = {life[1]}"
    start_s = time.monotonic()

    def look() -> tuple[int, int] | None:
        ((rows, distinct),) = stack.sql(f"SELECT count(), uniqExact(seq) FROM v_numbers WHERE {where}")
        return (int(rows), int(distinct)) if distinct + shed + corrupt >= used else None

    rows, distinct = eventually(look, within_s=RECOVER_WITHIN_S, what=f"{fault}: {used} numbers accounted for") or (
        0,
        0,
    )
    recovery_s = time.monotonic() - start_s
    return Row(
        fault,
        1,
        used,
        distinct,
        shed=shed,
        corrupt=corrupt,
        duplicates=rows - distinct,
        recovery_s=recovery_s,
        note=note,
    )


def spool_torn(stack: RunningStack) -> Row:
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
        return ledger(stack, "spool torn", 1, ids)


def spool_corrupt(stack: RunningStack) -> Row:
    """A byte of the spool flips on the disk: the record is quarantined and its numbers are named."""
    with second_gateway(stack, "corrupt") as gateway:
        gateway.drain.kill()
        for _ in range(20):
            gateway.ask()
        segment = max(gateway.spool.glob("*.seg"))
        data = bytearray(segment.read_bytes())
        data[len(data) // 2] ^= 0xFF
        segment.write_bytes(data)
        used, life = gateway.used, gateway.life
        gateway.drain.start()
        _shed_events(stack, life, used)
        corrupt = int(
            stack.sql(
                "SELECT sum(last_seq - first_seq + 1) FROM v_accounts"
                f" WHERE numbered_source = '{life[0]}' AND account = 'corrupt'"
            )[0][0]
        )
        return _numbers_row(stack, "spool corrupt", life, used, 0, "quarantined and named", corrupt)


def rolling_restart(stack: RunningStack) -> Row:
    """Two gateways are restarted in turn under calls; a client that is refused by one asks the other."""
    with second_gateway(stack, "roll-a") as one, second_gateway(stack, "roll-b") as two:
        at = [one.grpc_address]
        with calling(lambda: at[0]) as calls:
            for stopping, staying in ((one, two), (two, one)):
                calls.until(len(calls.acknowledged) + 30)
                at[0] = staying.grpc_address
                stopping.gateway.kill(signal.SIGTERM)
                calls.until(len(calls.acknowledged) + 30)
                stopping.gateway.start()
                stopping.gateway.until_ready()
        return ledger(
            stack, "rolling restart, two gateways", 2, calls.acknowledged, note=f"{calls.refused} calls moved over"
        )
