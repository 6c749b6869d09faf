"""The metrics of `chat`: Triton's own may be changed by one thread at a time, and are given back before the model ends."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chat.answer import Piece
from chat.metrics import OUTCOMES, Metrics

ANSWER = Piece(" Tokyo.", 3, 27, (), "stop")
MEETING_S = 0.1
"""Seconds in which a second writer would have come in. Chosen: a thousand times what it needs."""


class Triton:
    """What a model's process has of Triton, as far as it is used here."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self.values: dict[tuple[str, str], float] = {}
        self.alive = weakref.WeakSet[Any]()
        triton = self

        class Metric:
            def __init__(self, key: tuple[str, str]) -> None:
                triton.alive.add(self)
                triton.values[key], self._key = 0, key

            def increment(self, change: float) -> None:
                on_change()
                triton.values[self._key] += change

        class MetricFamily:
            COUNTER, GAUGE = 0, 1

            def __init__(self, name: str, _description: str, _kind: int) -> None:
                triton.alive.add(self)
                self._name = name

            def Metric(self, labels: Mapping[str, str]) -> Metric:  # Triton's name
                return Metric((self._name, ",".join(labels.values())))

        self.MetricFamily = MetricFamily


def test_what_happened_is_what_is_told() -> None:
    triton = Triton()
    metrics = Metrics(triton)

    for _ in range(3):
        metrics.taken()
    metrics.left()
    metrics.outcome("ok")
    metrics.tokens(ANSWER)

    assert {key: value for key, value in triton.values.items() if value} == {
        ("chat_in_flight", ""): 2,
        ("chat_requests_total", "ok"): 1,
        ("chat_tokens_total", "input"): 27,
        ("chat_tokens_total", "output"): 3,
    }
    assert {outcome for name, outcome in triton.values if name == "chat_requests_total"} == set(OUTCOMES)


def test_two_threads_never_change_metrics_at_one_time() -> None:
    meeting = threading.Barrier(2)

    def meet() -> None:
        with pytest.raises(threading.BrokenBarrierError):
            meeting.wait(MEETING_S)

    metrics = Metrics(Triton(meet))
    calls = (metrics.taken, metrics.left, lambda: metrics.outcome("ok"), lambda: metrics.tokens(ANSWER))
    with ThreadPoolExecutor(len(calls)) as pool:
        for under_way in [pool.submit(call) for call in calls]:
            under_way.result()


def test_nothing_of_triton_is_held_after_close() -> None:
    triton = Triton()
    metrics = Metrics(triton)
    assert len(triton.alive) == 3 + len(OUTCOMES) + 3

    metrics.close()

    assert not triton.alive
