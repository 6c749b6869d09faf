"""CPU time that the drift detector needs for one event, one at a time and in micro-batches as the service feeds it, and
the size of a monitored stream's state.

`python -m bench.detector_cost` prints the results as JSON. The benchmark runs it as a process of its own with one
thread for linear algebra, as the stack runs the service: on two cores a second thread more than doubles the CPU time.

Texts are the demo's questions. Embeddings are synthetic: random directions of length 1 with 384 numbers, from a fixed
seed; what the detector computes, and so what it costs, does not depend on their values. The baseline of the batch is
the single step.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np

from bench.observed_text import observe
from demo.traffic.records import Question, questions
from weir.detectors.bank import BankState, MonitoringBank, new_bank, step_many
from weir.detectors.fitted import FITTED
from weir.detectors.observation import Observation
from weir.detectors.settings import BankSettings
from weir.detectors.uniform import uniform_of
from weir.state import Codec

from .results import Result

DIMENSIONS = 384
BANK = Codec(MonitoringBank, "bank", layout=1)
REFERENCE_EVENTS = 2_000
"""Events in the reference: the default of the service."""
BATCHES_EVENTS = (16, 64)
"""Events in a micro-batch: about a second of traffic of the embedded stack, and what the bank folds at a time."""
ROUNDS = 5
"""Interleaved rounds, of which the median counts. Arbitrary: any odd number from 3 to 15 would do."""
SEED = 17
"""Arbitrary: any number would do; another one draws other texts."""


def detector_cost() -> list[Result]:
    """Single and micro-batched cost, CPU microseconds an event, median of interleaved rounds; bytes of the state."""
    observations = _observations([*questions("written"), *questions("composed")])
    fitted = _fitted(observations[:REFERENCE_EVENTS])
    watched = observations[REFERENCE_EVENTS:]
    singles: list[float] = []
    batches: dict[int, list[float]] = {size: [] for size in BATCHES_EVENTS}
    for _ in range(ROUNDS):
        singles.append(_batched_us(fitted, watched, 1))
        for size, found in batches.items():
            found.append(_batched_us(fitted, watched, size))
    single = float(np.median(singles))
    data = (
        f"{len(watched)} questions against a reference of {REFERENCE_EVENTS}, synthetic {DIMENSIONS}-d unit embeddings"
    )
    results = [
        Result(
            f"detector, batches of {size}", float(np.median(found)), "us/event", "detector, one event at a time", single,
            float(np.median(found)) / single, data, f"process CPU time, median of {ROUNDS} interleaved rounds",
        )
        for size, found in batches.items()
    ]  # fmt: skip
    return [*results, _state_size(fitted, data)]


def _state_size(state: MonitoringBank, data: str) -> Result:
    """Checkpoint bytes of a stream: what every event changes, beside the reference that none does."""
    whole, changing = len(FITTED.encode(state.fitted)) + len(BANK.encode(state)), len(BANK.encode(state))
    return Result(
        "detector, state of a stream", whole / 1e6, "MB", "its part that every event changes", changing / 1e6,
        whole / changing, data, "bytes of the checkpoint, uncompressed; indexes made from it in memory come on top",
    )  # fmt: skip


def _observations(asked: Sequence[Question]) -> list[Observation]:
    vectors = np.random.default_rng(SEED).normal(size=(len(asked), DIMENSIONS)).astype(np.float32)
    return [
        observe(question.text, event_id=question.id, request_id=question.id, event_time_us=number, embedding=vector)
        for number, (question, vector) in enumerate(zip(asked, vectors, strict=True))
    ]


def _fitted(reference: Sequence[Observation]) -> MonitoringBank:
    settings = BankSettings(reference_events=REFERENCE_EVENTS, min_reference_events=REFERENCE_EVENTS)
    state, _ = step_many(new_bank(settings), reference, _uniforms(reference))
    assert isinstance(state, MonitoringBank)
    return state


def _batched_us(fitted: MonitoringBank, watched: Sequence[Observation], size: int) -> float:
    state: BankState = fitted
    start_ns = time.process_time_ns()
    for place in range(0, len(watched), size):
        batch = watched[place : place + size]
        state, _ = step_many(state, batch, _uniforms(batch))
    return (time.process_time_ns() - start_ns) / 1_000 / len(watched)


def _uniforms(observations: Sequence[Observation]) -> list[float]:
    return [uniform_of(observation.event_id, "ties") for observation in observations]


if __name__ == "__main__":
    print(json.dumps([asdict(result) for result in detector_cost()]))
