"""Killing services under load: every acknowledged request is stored exactly once."""

from __future__ import annotations

import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from harness.calls.asking import ask_on
from harness.stack.running_stack import RunningStack
from harness.store.id_lists import at_once, quoted

pytestmark = pytest.mark.stack
CALLS = 1_000
"""Calls of a run: two thousand events of requests and responses, and as many again of spans and features."""

WORKERS = 8
KILL_AT = CALLS // 2


class Load:
    """Calls on one channel per worker; keeps the ids that were acknowledged."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._local = threading.local()
        self.acknowledged: list[str] = []
        self.refused = 0
        self.half_way = threading.Event()

    def call(self, number: int) -> None:
        """One call; a refused one is counted, its client was told."""
        if not hasattr(self._local, "channel"):
            self._local.channel = grpc.insecure_channel(self._address)
        try:
            asked = ask_on(self._local.channel, f"What does the str method number {number % 50} do?")
        except grpc.RpcError:
            with self._lock:
                self.refused += 1
            return
        with self._lock:
            self.acknowledged.append(asked.request_id)
            if len(self.acknowledged) + self.refused >= KILL_AT:
                self.half_way.set()

    def run(self, calls: int) -> None:
        """All calls, `WORKERS` at a time."""
        with ThreadPoolExecutor(WORKERS) as pool:
            for _ in pool.map(self.call, range(calls)):
                pass
        self.half_way.set()


def run_and_kill(stack: RunningStack, process: str) -> Load:
    load = Load(stack.gateway_grpc)
    running = threading.Thread(target=load.run, args=(CALLS,))
    running.start()
    assert load.half_way.wait(300)
    stack.kill(process, signal.SIGKILL)
    running.join(600)
    stack.until_ready(process)
    return load


def stored_once(stack: RunningStack, request_ids: list[str]) -> None:
    for part in at_once(request_ids):
        where = f"request_id IN ({quoted(part)})"
        for view in ("v_inference_requests", "v_inference_responses"):
            stack.until_count(view, where, len(part))
            assert stack.count(view, where) == len(set(part))


@pytest.mark.capability("X1")
@pytest.mark.capability("O1")
def test_lineage_killed_in_the_middle_of_two_thousand_events_stores_each_once(stack: RunningStack) -> None:
    load = run_and_kill(stack, "lineage")

    assert load.refused == 0
    assert len(load.acknowledged) == CALLS
    stored_once(stack, load.acknowledged)


@pytest.mark.capability("X1")
def test_the_gateway_killed_in_the_middle_loses_no_acknowledged_call(stack: RunningStack) -> None:
    load = run_and_kill(stack, "gateway")

    assert len(load.acknowledged) >= KILL_AT - load.refused
    stored_once(stack, load.acknowledged)
