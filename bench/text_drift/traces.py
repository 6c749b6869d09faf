"""Traces: every statistic of one stream over time, as shares of its threshold, for a plot."""

from __future__ import annotations

import numpy as np

from .cells import CHANGE_AT, Cell
from .embeddings import EmbeddedCorpus
from .evaluate import FULL, cell_streams
from .fold import BANK, CHUNK_EVENTS, Bank
from .scores import Scores
from .streams import Draw
from .summary import Record
from .window_mmd import Kernel, trajectories


def trace(corpus: EmbeddedCorpus, draw: Draw, scores: Scores, kernel: Kernel, threshold: float, cell: Cell) -> Record:
    """The first stream of `cell`: e-bank, the leading scale of the mean EWMA and the window MMD after every event."""
    rows = cell_streams(corpus, draw, cell, FULL)[:1]
    uniforms = np.random.default_rng(draw.seed).random(rows.shape)
    bank, told = Bank(scores, 1), []
    for start in range(0, rows.shape[1], CHUNK_EVENTS):
        part = slice(start, start + CHUNK_EVENTS)
        told += [statistics[0] for statistics in bank.steps(rows[:, part], uniforms[:, part])]
    parts = np.array(told)
    mmd = trajectories(kernel, draw.reference, rows)[0] / threshold
    return {
        "cell": cell.name,
        "change": CHANGE_AT,
        "e-bank": parts[:, BANK].round(5).tolist(),
        "mean EWMA": parts[:, BANK + 1 :].max(axis=1).round(5).tolist(),
        "MMD": [None if np.isnan(value) else round(float(value), 5) for value in mmd],
    }
