"""Traffic: synthetic events with a fixed seed, for laws that need thousands of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import numpy as np

from bench.observed_text import observe
from weir.detectors.observation import Observation
from weir.detectors.outcomes import Outcome
from weir.detectors.step import Step
from weir.detectors.uniform import uniform_of

DIMENSIONS = 24
VOCABULARY = 2_000


@dataclass
class Traffic:
    """Independent events: Zipf words, Gaussian embeddings, answers that decline now and then, lognormal latencies.

    `shift` moves the embedding, `words_from` the words, `slower` multiplies the latency.
    """

    seed: int
    sent: int = 0
    rng: np.random.Generator = field(init=False)
    call_rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng, self.call_rng = np.random.default_rng(self.seed), np.random.default_rng((self.seed, 1))
        weights = 1.0 / np.arange(1, VOCABULARY + 1)
        self.weights = weights / weights.sum()

    def event(
        self,
        *,
        shift: float = 0.0,
        words_from: int = 0,
        session: str = "",
        embedded: bool = True,
        words: int | None = None,
        prefix: str = "",
        refusal_share: float = 0.05,
        slower: float = 1.0,
    ) -> Observation:
        self.sent += 1
        vector = self.rng.standard_normal(DIMENSIONS)
        vector[0] += 4.0
        vector[1] += shift
        count = int(self.rng.integers(5, 40)) if words is None else words
        drawn = words_from + self.rng.choice(VOCABULARY, size=count, p=self.weights)
        seen = observe(
            prefix + " ".join(f"word{i}" for i in drawn) + "." * int(self.rng.integers(1, 5)),
            event_id=f"event-{self.seed}-{self.sent}",
            request_id=f"request-{self.seed}-{self.sent}",
            session_id=session,
            event_time_us=self.sent * 1_000,
            embedding=vector.astype(np.float32) if embedded else None,
        )
        latency_ms = slower * float(self.call_rng.lognormal(5.0, 0.8))
        return replace(seen, refused=bool(self.call_rng.random() < refusal_share), latency_ms=latency_ms)

    def events(self, count: int, **changes: float) -> list[Observation]:
        return [self.event(**changes) for _ in range(count)]  # type: ignore[arg-type]  # numbers only, by name


def ties(events: list[Observation]) -> list[float]:
    """The tie-breaking number of each event."""
    return [uniform_of(event.event_id, "ties") for event in events]


def outcomes_of(steps: Iterable[Step]) -> tuple[Outcome, ...]:
    """What `steps` led to, in order."""
    return tuple(outcome for step in steps for outcome in step.outcomes)


def facts_of(step: Step) -> tuple[str, int, bytes, tuple[Outcome, ...]]:
    """All that a step says, so that two can be compared to the last bit."""
    return step.observation.event_id, step.index, step.p.tobytes(), step.outcomes
