"""Evaluate repetitions: false alarms of the bank where texts come again word for word, and whether it still finds a change.

Every kind has a reference of its own, so the bank is fitted anew for each: some 5 CPU-seconds a kind and draw.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir.detectors.observation import Observation
from weir.detectors.settings import BankSettings

from .cells import ARL_AT_MOST, ARL_TARGET, CHANGE_AT
from .embeddings import EmbeddedCorpus
from .fold import count_alarms, first_alarms
from .repetitions import Repetition
from .run_lengths import delay, run_length
from .scores import score
from .streams import Draw, Rows, draw, generator
from .summary import Record

STREAMS, EVENTS = 64, 4_000
"""Of a draw, without change: 256,000 events, some 50 alarms at 5,000; so long that the texts of a draw come once each."""

CHANGED_STREAMS, CHANGED_POOL, CHANGED_SHARE, HORIZON_EVENTS = 48, "far", 0.1, 2_000


@dataclass(frozen=True, slots=True)
class Repeated:
    """Of one kind and draw: false alarms and events, first alarms after a change, and what does not take part."""

    alarms: int
    events: int
    first: Rows
    inactive: tuple[str, ...]


def evaluate_repetition(
    kind: Repetition, corpus: EmbeddedCorpus, observations: Sequence[Observation], number: int
) -> Repeated:
    """One kind in the draw `number`."""
    split = kind.split(draw(corpus.rows("base"), number))
    normal, changed = kind.streams(split, STREAMS, EVENTS), _changed(kind, split, corpus)
    used, places = np.unique(np.concatenate([split.reference, normal.ravel(), changed.ravel()]), return_inverse=True)
    cuts = np.cumsum([split.reference.size, normal.size])
    reference, quiet, late = np.split(places, cuts)
    scores = score([observations[row] for row in used], Draw(number, reference, quiet), BankSettings())
    found = count_alarms(scores, quiet.reshape(normal.shape), _ties(split, kind, normal))
    told = first_alarms(scores, late.reshape(changed.shape), _ties(split, kind, changed))
    return Repeated(found.count, found.events, told.first, scores.fitted.inactive_parts)


def repetition_rows(
    kinds: Sequence[Repetition],
    corpus: EmbeddedCorpus,
    observations: Sequence[Observation],
    draws: int,
    told: Callable[[str], None],
) -> list[Record]:
    """A plain row for every kind, over all draws."""
    rows = []
    for kind in kinds:
        found = []
        for number in range(draws):
            told(f"repetitions, {kind.name}")
            found.append(evaluate_repetition(kind, corpus, observations, number))
        rows.append(_row(kind, found))
    return rows


def _row(kind: Repetition, found: Sequence[Repeated]) -> Record:
    whole = run_length(sum(one.events for one in found), sum(one.alarms for one in found))
    late = delay(np.concatenate([one.first for one in found]), CHANGE_AT)
    return {
        "traffic": kind.name,
        "events": whole.events,
        "alarms": whole.alarms,
        "mean": _finite(whole.mean),
        "low": whole.low,
        "high": _finite(whole.high),
        "draws": [_finite(one.events / one.alarms) if one.alarms else None for one in found],
        "delay": {name: _finite(getattr(late, name)) for name in late.__slots__},
        "inactive": sorted({part for one in found for part in one.inactive}),
        "held": not whole.alarms if kind.pool == 1 else ARL_TARGET <= whole.mean <= ARL_AT_MOST,
        "bar": "no alarm" if kind.pool == 1 else f"{ARL_TARGET:,} to {ARL_AT_MOST:,}",
    }


def _changed(kind: Repetition, split: Draw, corpus: EmbeddedCorpus) -> Rows:
    rng = generator(split, f"{kind.name} changed")
    rows = kind.arrivals(split.test, rng, (CHANGED_STREAMS, CHANGE_AT + HORIZON_EVENTS)).copy()
    late = rng.random(rows.shape) < CHANGED_SHARE
    late[:, :CHANGE_AT] = False
    rows[late] = rng.choice(corpus.rows(CHANGED_POOL), size=int(late.sum()))
    return rows


def _ties(split: Draw, kind: Repetition, rows: Rows) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return generator(split, f"ties {kind.name} {rows.shape[1]}").random(rows.shape)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
