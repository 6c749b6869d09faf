"""CPU time that the drift detector needs for one event, one at a time and in micro-batches as the service feeds it.

`python -m tests.bench.detector_cost` prints the results as JSON. The benchmark runs it as a process of its own with one
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
from tools.traffic_records import Question, questions

from weir.drift.core.bank import BankState, new_bank, step, step_many
from weir.drift.core.observation import Observation
from weir.drift.core.settings import BankSettings
from weir.drift.core.text import observe
from weir.drift.core.uniform import uniform_of

from .results import Result

DIMENSIONS = 384
REFERENCE_EVENTS = 1_000
"""Events in the reference, as in the demo."""
BATCH_EVENTS = 16
"""Events in a micro-batch. Chosen: about a second of traffic of the embedded stack."""
ROUNDS = 5
SEED = 17


def detector_cost() -> list[Result]:
    """Single and micro-batched cost, CPU microseconds an event, median of interleaved rounds."""
    observations = _observations([*questions("written"), *questions("composed")])
    fitted = _fitted(observations[:REFERENCE_EVENTS])
    watched = observations[REFERENCE_EVENTS:]
    singles, batches = [], []
    for _ in range(ROUNDS):
        singles.append(_single_us(fitted, watched))
        batches.append(_batched_us(fitted, watched))
    single, batched = float(np.median(singles)), float(np.median(batches))
    data = (
        f"{len(watched)} questions against a reference of {REFERENCE_EVENTS}, synthetic {DIMENSIONS}-d unit embeddings"
    )
    return [
        Result(
            "detector, micro-batched", batched, "us/event", "detector, one event at a time", single, batched / single,
            data, f"process CPU time, batches of {BATCH_EVENTS}, median of {ROUNDS} interleaved rounds",
        )
    ]  # fmt: skip


def _observations(asked: Sequence[Question]) -> list[Observation]:
    vectors = np.random.default_rng(SEED).normal(size=(len(asked), DIMENSIONS)).astype(np.float32)
    return [
        observe(question.text, event_id=question.id, request_id=question.id, event_time_us=number, embedding=vector)
        for number, (question, vector) in enumerate(zip(asked, vectors, strict=True))
    ]


def _fitted(reference: Sequence[Observation]) -> BankState:
    settings = BankSettings(reference_events=REFERENCE_EVENTS, min_reference_events=REFERENCE_EVENTS)
    state, _ = step_many(new_bank(settings), reference, _uniforms(reference))
    return state


def _single_us(state: BankState, watched: Sequence[Observation]) -> float:
    start_ns = time.process_time_ns()
    for observation in watched:
        state, _ = step(state, observation, uniform_of(observation.event_id, "ties"))
    return (time.process_time_ns() - start_ns) / 1_000 / len(watched)


def _batched_us(state: BankState, watched: Sequence[Observation]) -> float:
    start_ns = time.process_time_ns()
    for place in range(0, len(watched), BATCH_EVENTS):
        batch = watched[place : place + BATCH_EVENTS]
        state, _ = step_many(state, batch, _uniforms(batch))
    return (time.process_time_ns() - start_ns) / 1_000 / len(watched)


def _uniforms(observations: Sequence[Observation]) -> list[float]:
    return [uniform_of(observation.event_id, "ties") for observation in observations]


if __name__ == "__main__":
    print(json.dumps([asdict(result) for result in detector_cost()]))
