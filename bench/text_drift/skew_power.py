"""Skew: how often the skew test flags windows of 200 texts, with and without change ("Must show" 5).

Windows of normal traffic give the false-alarm rate, windows with a share of changed texts the power. The same windows go
to Evidently's methods.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.stats import beta

from weir.detectors.skew import skew_reference, test_window

from .embeddings import EmbeddedCorpus
from .streams import Draw, Rows, generator
from .summary import Record

WINDOW_TEXTS = 200
"""Texts of a window: the default of the service."""
ALPHA = 0.05
"""Level of the test: the usual one; the default of the service is stricter."""
NO_CHANGE = "no change"

CHANGES: dict[str, tuple[str, float]] = {
    "far 5%": ("far", 0.05),
    "far 10%": ("far", 0.1),
    "narrow 5%": ("narrow", 0.05),
    "middle 10%": ("middle", 0.1),
    "template 30%": ("template", 0.3),
    "near 30%": ("near", 0.3),
    "synonym 30%": ("synonym", 0.3),
    "near 100%": ("near", 1.0),
}
BARS: dict[str, tuple[str, float]] = {"far 5%": (">=", 0.7), "template 30%": (">=", 0.95), NO_CHANGE: ("<=", 0.06)}

NULL_WINDOWS, CHANGED_WINDOWS = 100, 25
"""Windows of each draw without and with each change."""


def windows(corpus: EmbeddedCorpus, draw: Draw) -> dict[str, Rows]:
    """Rows (windows, 200) by change; within a window no normal text comes twice."""
    rng = generator(draw, "skew windows")
    found = {NO_CHANGE: _normal(draw, NULL_WINDOWS, rng)}
    for name, (pool, share) in CHANGES.items():
        rows = _normal(draw, CHANGED_WINDOWS, rng)
        replaced = round(share * WINDOW_TEXTS)
        for window in rows:
            window[:replaced] = rng.choice(corpus.rows(pool), size=replaced, replace=False)
        found[name] = rows
    return found


def skew_flags(
    corpus: EmbeddedCorpus, draw: Draw, by_change: dict[str, Rows], told: Callable[[str], None]
) -> dict[str, npt.NDArray[np.bool_]]:
    """Whether each window is flagged at `ALPHA` against the reference of the draw, by change."""
    reference = skew_reference("bench", str(draw.seed), "0" * 64, corpus.vectors[draw.reference])
    flags = {}
    for name, rows in by_change.items():
        told(f"skew, {name}")
        p_values = [
            test_window(reference, corpus.vectors[window], seed=1_000 * draw.seed + number).p_value
            for number, window in enumerate(rows)
        ]
        flags[name] = np.array(p_values) <= ALPHA
    return flags


def rates(flags: list[dict[str, npt.NDArray[np.bool_]]]) -> list[Record]:
    """Share flagged by change, over all draws, with its exact (Clopper-Pearson) interval of 95 %."""
    found = []
    for name in flags[0]:
        all_flags = np.concatenate([one[name] for one in flags])
        hits, size = int(all_flags.sum()), all_flags.size
        low = float(beta.ppf(0.025, hits, size - hits + 1)) if hits else 0.0
        high = float(beta.ppf(0.975, hits + 1, size - hits)) if hits < size else 1.0
        found.append({"change": name, "windows": size, "flagged": hits / size, "low": low, "high": high})
    return found


def _normal(draw: Draw, count: int, rng: np.random.Generator) -> Rows:
    return np.stack([rng.choice(draw.test, size=WINDOW_TEXTS, replace=False) for _ in range(count)])
