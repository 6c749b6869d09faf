"""Repetitions: normal traffic that says the same again, word for word: FAQ buttons, health checks, retries.

Each kind is how a reference is drawn and how later events are, from one draw of a base. Nothing changes between the
two, so every alarm is false.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .streams import REFERENCE_TEXTS, Draw, Rows, generator

RETRIED = 0.1
"""Share of events that are a retry: the text of the event before, or of one of the last `RETRY_EVENTS_MAX`."""

RETRY_EVENTS_MAX = 8
STOCK_SHARE = 0.2
DUPLICATED = 0.1
"""Share of reference events that are a copy of another one, anywhere."""

Arrivals = Callable[[Rows, np.random.Generator, tuple[int, int]], Rows]
"""Events of a shape (streams, events) of the texts given."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """A kind of traffic. `arrivals` draws the events, `pool` texts are all there is (0: the texts of the draw, other ones in
    the reference than later). `reference` draws the reference where it is not drawn as later events are.
    """

    name: str
    arrivals: Arrivals
    pool: int = 0
    reference: Arrivals | None = None

    def split(self, draw: Draw) -> Draw:
        """The reference of this kind and the texts of later events."""
        rng = generator(draw, f"{self.name} reference")
        reference = test = rng.choice(draw.test, size=self.pool, replace=False) if self.pool else draw.reference
        if not self.pool:
            test = draw.test
        drawn = (self.reference or self.arrivals)(reference, rng, (1, REFERENCE_TEXTS))[0]
        return Draw(draw.seed, drawn, test)

    def streams(self, split: Draw, streams: int, events: int) -> Rows:
        """Later events (streams, events) of what `split` gave."""
        return self.arrivals(split.test, generator(split, f"{self.name} streams"), (streams, events))


def independent(texts: Rows, rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """Any text at any time."""
    return np.asarray(rng.choice(texts, size=shape))


def retried(texts: Rows, rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """One event in ten repeats one of the last eight, most often the last."""
    rows = _once_each(texts, rng, shape)
    back = np.minimum(rng.geometric(0.5, size=shape), RETRY_EVENTS_MAX)
    for stream, event in zip(*np.nonzero(rng.random(shape) < RETRIED), strict=True):
        if event >= back[stream, event]:
            rows[stream, event] = rows[stream, event - back[stream, event]]
    return rows


def stocked(prompts: int, share: float) -> Arrivals:
    """`share` of the events are one of `prompts` stock prompts; the same ones in the reference and later."""

    def arrivals(texts: Rows, rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
        rows = _once_each(texts, rng, shape)
        stock = rng.random(shape) < share
        rows[stock] = rng.integers(prompts, size=int(stock.sum()))
        return rows

    return arrivals


def duplicated(texts: Rows, rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """One event in ten is a copy of any other."""
    rows = _once_each(texts, rng, shape)
    copies = rng.random(shape) < DUPLICATED
    rows[copies] = rng.choice(texts, size=int(copies.sum()))
    return rows


def _once_each(texts: Rows, rng: np.random.Generator, shape: tuple[int, int]) -> Rows:
    """Every text once, in random order, before any comes again where there are enough; else independent events."""
    if shape[1] > texts.size:
        return independent(texts, rng, shape)
    return np.stack([rng.permutation(texts)[: shape[1]] for _ in range(shape[0])])


REPETITIONS: tuple[Repetition, ...] = (
    *(Repetition(f"pool of {size}", independent, size) for size in (1, 5, 20, 50, 100, 500)),
    Repetition("10 % retries", retried),
    Repetition("one prompt a tenth", stocked(1, 0.1)),
    Repetition("twenty stock prompts, 20 %", stocked(20, STOCK_SHARE)),
    Repetition("10 % copies in the reference alone", _once_each, reference=duplicated),
    Repetition("new texts only", _once_each),
)
"""Every kind that is measured. The last says nothing twice, and stands beside the others for comparison."""
