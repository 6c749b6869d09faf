"""Streams: which text arrives when, as row numbers of a corpus, (streams, events).

A draw splits the base at random into a reference of 2,000 texts and a test pool of 4,000. Normal traffic is drawn from
the test pool with replacement, so that an i.i.d. stream is exactly that. Changed traffic replaces each event after the
change with a text of a pool, with a probability that a profile gives for every event since the change.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

REFERENCE_TEXTS = 2_000
SESSION_TURNS = 5
TURN_PROBABILITY = 0.5
"""The bank's own default: see `weir.detectors.sessions`."""


@dataclass(frozen=True, slots=True, eq=False)
class Draw:
    """One random split of a base; `seed` also decides every stream made from it."""

    seed: int
    reference: Rows
    test: Rows


def draw(base: Rows, seed: int) -> Draw:
    """The split `seed` of the rows `base`."""
    order = np.random.default_rng([seed, 0]).permutation(base)
    return Draw(seed, order[:REFERENCE_TEXTS], order[REFERENCE_TEXTS:])


def generator(draw: Draw, name: str) -> np.random.Generator:
    """Randomness for the streams called `name` of this draw."""
    return np.random.default_rng([draw.seed, *name.encode()])


def independent(draw: Draw, streams: int, events: int) -> Rows:
    """Normal traffic, every event independent of the others."""
    return generator(draw, "independent").choice(draw.test, size=(streams, events))


def sessions(draw: Draw, documents: Sequence[str], streams: int, events: int) -> Rows:
    """Normal traffic in sessions: five different texts of one document in a row, documents in proportion to size."""
    rng = generator(draw, "sessions")
    count = -(-events // SESSION_TURNS)
    found = np.empty((streams, count * SESSION_TURNS), dtype=np.int64)
    for stream in range(streams):
        rows, starts, sizes = _by_document(rng.permutation(draw.test), documents)
        chosen = rng.choice(starts.size, size=count, p=sizes / sizes.sum())
        offsets = rng.integers(sizes[chosen])[:, None] + np.arange(SESSION_TURNS)
        found[stream] = rows[starts[chosen, None] + offsets % sizes[chosen, None]].ravel()
    return found[:, :events]


def one_turn(rows: Rows, rng: np.random.Generator) -> list[Rows]:
    """Of every session of five the first turn that passes with `TURN_PROBABILITY`; one in 32 sessions stays out."""
    turns = rows.reshape(len(rows), -1, SESSION_TURNS)
    passes = rng.random(turns.shape) <= TURN_PROBABILITY
    first = passes.argmax(axis=2)
    picked = np.take_along_axis(turns, first[..., None], axis=2)[..., 0]
    entered = np.asarray(passes.any(axis=2))
    return [stream[kept] for stream, kept in zip(picked, entered, strict=True)]


def document_order(draw: Draw, documents: Sequence[str], streams: int, events: int) -> Rows:
    """Normal traffic document after document, as if users read them through."""
    rng = generator(draw, "document order")
    found = np.empty((streams, events), dtype=np.int64)
    for stream in range(streams):
        rows, starts, sizes = _by_document(rng.permutation(draw.test), documents, least=1)
        order = [rows[starts[i] : starts[i] + sizes[i]] for i in rng.permutation(starts.size)]
        found[stream] = np.resize(np.concatenate(order), events)
    return found


def changed(draw: Draw, pool: Rows, profile: Floats, streams: int, before: int, name: str) -> Rows:
    """`before` normal events, then one event for every entry of `profile`, from `pool` with that probability."""
    rng = generator(draw, name)
    rows = rng.choice(draw.test, size=(streams, before + profile.size))
    replaced = rng.random((streams, profile.size)) < profile
    rows[:, before:][replaced] = rng.choice(pool, size=int(replaced.sum()))
    return rows


def _by_document(rows: Rows, documents: Sequence[str], least: int = SESSION_TURNS) -> tuple[Rows, Rows, Rows]:
    """Rows grouped by document, and where each document with at least `least` of them starts and how many it has."""
    names, groups = np.unique(np.array([documents[row] for row in rows]), return_inverse=True)
    order = np.argsort(groups, kind="stable")
    sizes = np.bincount(groups, minlength=names.size)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    large = sizes >= least
    return rows[order], starts[large], sizes[large]
