"""Cost: CPU time of one event for the bank and for the online MMD peers, state sizes, time to fit; in one process.

`python -m bench.text_drift.cost` prints JSON. The benchmark runs it with one thread for linear algebra, as the
stack runs the service. Rounds are interleaved, so that a busy machine slows all alike.

The peer is computed at every event as an online MMD detector must: kernel of the new text with the 2,000 of the
reference and with the window, sums kept up to date. It is numpy without any overhead of a library, so it is the cheapest
such detector; `alibi` is the real one, measured in its own environment.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from weir.detectors.bank import BankState, MonitoringBank, new_bank, step_many
from weir.detectors.fitted import FITTED
from weir.detectors.observation import Observation
from weir.detectors.settings import BankSettings
from weir.detectors.uniform import uniform_of
from weir.state import Codec

from .embeddings import FOLDER, read
from .scores import observations_of
from .streams import draw
from .window_mmd import WINDOW_EVENTS

EVENTS = 2_048
"""Events of a round."""

BATCH_EVENTS = 64
"""Events in a micro-batch: what the bank folds at a time."""
ROUNDS = 5
"""Interleaved rounds, of which the median counts. Arbitrary: any odd number from 3 to 15 would do."""
BANK = Codec(MonitoringBank, "bank", layout=1)


class OnlineMmd:
    """Sliding-window MMD of one stream, each event's kernel computed when it comes."""

    def __init__(self, reference: npt.NDArray[np.float32]) -> None:
        self._reference = reference
        inner = reference @ reference.T
        self._scale = np.float32(1.0 / np.median(2.0 - 2.0 * inner[np.triu_indices(len(reference), 1)]))
        within = np.exp(self._scale * (inner - 1.0))
        size = len(reference)
        self._constant = float(within.sum() - np.trace(within)) / (size * (size - 1))
        self._window = np.zeros((WINDOW_EVENTS, reference.shape[1]), dtype=np.float32)
        self._near = np.zeros(WINDOW_EVENTS)
        self._kernel = np.zeros((WINDOW_EVENTS, WINDOW_EVENTS), dtype=np.float32)
        self._pairs = self._to_reference = 0.0
        self._place = 0

    def step(self, vector: npt.NDArray[np.float32]) -> float:
        """The statistic after one event."""
        place = self._place
        self._pairs -= 2.0 * (float(self._kernel[place].sum()) - float(self._kernel[place, place]))
        row = np.exp(self._scale * (self._window @ vector - 1.0))
        self._window[place], row[place] = vector, 1.0
        self._kernel[place], self._kernel[:, place] = row, row
        self._pairs += 2.0 * (float(row.sum()) - 1.0)
        near = float(np.exp(self._scale * (self._reference @ vector - 1.0)).mean())
        self._to_reference += near - self._near[place]
        self._near[place] = near
        self._place = (place + 1) % WINDOW_EVENTS
        return (
            self._pairs / (WINDOW_EVENTS * (WINDOW_EVENTS - 1))
            - 2.0 * self._to_reference / WINDOW_EVENTS
            + self._constant
        )

    @property
    def state_bytes(self) -> int:
        """Bytes of the arrays it cannot do without."""
        return self._reference.nbytes + self._window.nbytes + self._kernel.nbytes + self._near.nbytes


def measure() -> dict[str, float]:
    """Every figure of the table, CPU microseconds an event, bytes, CPU seconds."""
    corpus = read("first", FOLDER / "first.npz")
    observations, split = observations_of(corpus), draw(corpus.rows("base"), 0)
    reference = [observations[row] for row in split.reference]
    watched = [observations[row] for row in split.test[:EVENTS]]
    start_ns = time.process_time_ns()
    bank, _ = step_many(new_bank(BankSettings()), reference, _uniforms(reference))
    fit_s = (time.process_time_ns() - start_ns) / 1e9
    assert isinstance(bank, MonitoringBank)
    peer, vectors = OnlineMmd(corpus.vectors[split.reference]), corpus.vectors[split.test[:EVENTS]]
    # Every event's uniform is a hash of its id that the service computes too, so it belongs to the cost.
    timed: dict[str, Callable[[], None]] = {
        "weir_single_us": lambda: _single(bank, watched),
        "weir_batched_us": lambda: _batched(bank, watched),
        "mmd_online_us": lambda: _peer(peer, vectors),
    }
    rounds: dict[str, list[float]] = {name: [] for name in timed}
    for _ in range(ROUNDS):
        for name, run in timed.items():
            start_ns = time.process_time_ns()
            run()
            rounds[name].append((time.process_time_ns() - start_ns) / 1_000 / EVENTS)
    figures = {name: float(np.median(values)) for name, values in rounds.items()}
    return figures | {
        "weir_fit_s": fit_s,
        "weir_reference_bytes": float(len(FITTED.encode(bank.fitted))),
        "weir_state_bytes": float(len(BANK.encode(bank))),
        "mmd_state_bytes": float(peer.state_bytes),
    }


def _single(bank: MonitoringBank, watched: Sequence[Observation]) -> None:
    state: BankState = bank
    for observation in watched:
        state, _ = step_many(state, (observation,), (uniform_of(observation.event_id, "ties"),))


def _batched(bank: MonitoringBank, watched: Sequence[Observation]) -> None:
    state: BankState = bank
    for start in range(0, len(watched), BATCH_EVENTS):
        batch = watched[start : start + BATCH_EVENTS]
        state, _ = step_many(state, batch, _uniforms(batch))


def _peer(peer: OnlineMmd, vectors: npt.NDArray[np.float32]) -> None:
    for vector in vectors:
        peer.step(vector)


def _uniforms(observations: Sequence[Observation]) -> list[float]:
    return [uniform_of(observation.event_id, "ties") for observation in observations]


if __name__ == "__main__":
    print(json.dumps(measure()))
