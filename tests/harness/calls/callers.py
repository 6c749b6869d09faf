"""Callers: stock clients in threads, and the ids of every answer that was acknowledged."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import grpc

from harness.calls.asking import ask_on
from harness.waiting import RECOVER_WITHIN_S, eventually, lasts

WORKERS = 4
TIMEOUT_S = 15.0
"""Seconds a caller waits for an answer. Chosen: longer than any pause a healthy gateway makes."""

FAILOVER = json.dumps(
    {
        "loadBalancingConfig": [{"round_robin": {}}],
        "healthCheckConfig": {"serviceName": ""},
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 4,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE"],
                },
            }
        ],
    }
)
"""A stock gRPC client's way between servers: it watches their health and retries a call that never began."""

FAILOVER_OPTIONS = [
    ("grpc.service_config", FAILOVER),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
"""With a restarted server found again within half a second; gRPC's own limit is two minutes."""

AGAIN_S = 0.2
"""Seconds before a refused caller asks again. Arbitrary: any value from 0.05 to 1 would do."""


class Calls:
    """Callers at work; what was acknowledged is kept, refused calls are counted by their status."""

    def __init__(
        self, address: Callable[[], str], *, pause_s: float = 0.0, workers: int = WORKERS, is_failing_over: bool = False
    ) -> None:
        """address: asked before each connection. is_failing_over: the address names several servers."""
        self._options = FAILOVER_OPTIONS if is_failing_over else []
        self._address = address
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged: list[str] = []
        self.refusals: dict[str, int] = {}
        self.words: set[str] = set()
        """What refused clients were told, without repetitions."""
        self._threads = [threading.Thread(target=self._work) for _ in range(workers)]

    @property
    def refused(self) -> int:
        """Calls whose client was told that they failed."""
        return sum(self.refusals.values())

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def finish(self) -> None:
        """Stop calling and wait for the calls in flight."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def more(self, acknowledged: int) -> None:
        """Wait until so many more calls were acknowledged."""
        goal = len(self.acknowledged) + acknowledged
        eventually(lambda: len(self.acknowledged) >= goal, within_s=RECOVER_WITHIN_S, what=f"{goal} answers in all")

    def _work(self) -> None:
        while not self._stop.is_set():
            with grpc.insecure_channel(self._address(), options=self._options) as channel:
                try:
                    while not self._stop.wait(self._pause_s):
                        asked = ask_on(channel, "What is a generator?", timeout_s=TIMEOUT_S)
                        with self._lock:
                            self.acknowledged.append(asked.request_id)
                except grpc.RpcError as error:
                    self._note(error)

    def _note(self, error: grpc.RpcError) -> None:
        name = str(error.code().name)
        with self._lock:
            self.refusals[name] = self.refusals.get(name, 0) + 1
            self.words.add(f"{name} {error.details()}"[:120])
        lasts(AGAIN_S)


@contextmanager
def calling(
    address: Callable[[], str], *, pause_s: float = 0.0, workers: int = WORKERS, is_failing_over: bool = False
) -> Iterator[Calls]:
    """Calls while the block runs."""
    calls = Calls(address, pause_s=pause_s, workers=workers, is_failing_over=is_failing_over)
    calls.start()
    try:
        yield calls
    finally:
        calls.finish()
