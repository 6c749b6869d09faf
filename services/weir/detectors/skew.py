"""Skew: does live traffic look like the evaluation dataset that its quality is measured on?

A window of n events is compared with the dataset as a batch, by two tests that miss different things:

* `skew_mean`: did the middle of the embeddings move? Finds templates, languages, a shift of all topics.
* `skew_novelty`: are there too many unlike, or too many alike, anything in the dataset? Finds a few per cent of
  something new, which hardly moves the middle.

Their p-values are corrected by Holm, so `p_value <= alpha` happens by chance in at most about alpha of the windows,
whatever the dataset: one false alarm in 1 / alpha windows. Both tests permute labels, so they need no reference
threshold; only the novelty one is approximate (its docstring says why). Windows that are tested one after another
share the dataset, hence are not independent: the rate holds over datasets, not for each one.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from weir.detectors.holm import holm
from weir.detectors.reference import EmbeddingMatrix, FloatArray
from weir.detectors.skew_mean import mean_shift_statistics
from weir.detectors.skew_novelty import leave_one_out_novelties, novelties, novelty_statistics
from weir.state import Codec

TESTS = ("mmd", "novelty")
"""The two tests, in the order of their p-values."""

PERMUTATIONS = 499
"""Relabelings a window. Chosen: the least corrected p-value is 2 / 500 = 0.004, below the default alpha of 0.01."""

AFFECTED_QUANTILE = 0.95
"""Share of items that differ less than an affected event (chosen: 1 in 20 of the normal ones is in the slice too)."""

ITEMS_MIN = 50
"""Least items of a dataset. Chosen: below it five nearest of them say little, and the power is low."""


@dataclass(frozen=True, slots=True, eq=False)
class SkewReference:
    """An evaluation dataset version as embeddings: unit rows (N, d) and each row's novelty among the others (N,)."""

    name: str
    version: str
    digest: str
    embeddings: EmbeddingMatrix
    novelties: FloatArray


@dataclass(frozen=True, slots=True)
class SkewResult:
    """What a window says.

    `p_value`: the smaller one of both tests after Holm's correction, 0.004 to 1. `test`: which test that is.
    `statistic`: its value in standard deviations of its own permutations. `direction`: `moved` for the mean, `higher`
    or `lower` for novelty. `p_values`: corrected, by test. `events`: of the window.
    """

    p_value: float
    test: str
    statistic: float
    direction: str
    p_values: tuple[float, float]
    events: int


DATASET = Codec(SkewReference, "skew-dataset", layout=2)
"""A dataset, 3 MB for 2,000 items."""


def dataset_piece(reference: SkewReference) -> str:
    """Name of a dataset: the hash of what tells it from another, its name, version, digest and size."""
    key = "\n".join((reference.name, reference.version, reference.digest, str(reference.embeddings.shape)))
    return f"dataset-{sha256(key.encode()).hexdigest()[:16]}"


def skew_reference(name: str, version: str, digest: str, embeddings: EmbeddingMatrix) -> SkewReference:
    """The reference of `embeddings` (N, d), scaled to length 1. N * N * d products: 0.1 s for 2,000.

    Raises ValueError for fewer than `ITEMS_MIN` rows, or rows that are not finite non-zero vectors.
    """
    if embeddings.ndim != 2 or len(embeddings) < ITEMS_MIN:
        raise ValueError(f"the dataset has embeddings of shape {embeddings.shape}; expected {ITEMS_MIN} rows or more")
    unit = unit_rows(embeddings)
    return SkewReference(name, version, digest, unit, leave_one_out_novelties(unit))


def test_window(reference: SkewReference, window: EmbeddingMatrix, seed: int) -> SkewResult:
    """Both tests of `window` (n, d), unit rows, n >= 2. Deterministic in its arguments; see `docs/drift-results.md` for cost.

    seed: of the relabelings, the same for both tests; give every window its own.
    """
    if window.ndim != 2 or len(window) < 2 or window.shape[1] != reference.embeddings.shape[1]:
        expected = f"2 rows or more of {reference.embeddings.shape[1]} numbers"
        raise ValueError(f"the window has shape {window.shape}; expected {expected}")
    # Row 0 is the true labelling: the window is the last n of the pooled rows.
    labels = relabelings(len(reference.embeddings), len(window), PERMUTATIONS, seed)
    scores = np.concatenate((reference.novelties, novelties(window, reference.embeddings)))
    upper, lower = novelty_statistics(scores, labels)
    statistics = (
        mean_shift_statistics(np.concatenate((reference.embeddings, window)), labels),
        np.maximum(upper, lower),
    )
    raw = [float((one >= one[0]).sum()) / len(one) for one in statistics]
    corrected = holm(raw)
    first = int(np.argmin(raw))
    statistic = statistics[first]
    directions = ("moved", "higher" if upper[0] >= lower[0] else "lower")
    return SkewResult(
        p_value=corrected[first],
        test=TESTS[first],
        statistic=float((statistic[0] - statistic.mean()) / max(float(statistic.std()), np.finfo(np.float64).tiny)),
        direction=directions[first],
        p_values=(corrected[0], corrected[1]),
        events=len(window),
    )


def relabelings(items: int, events: int, permutations: int, seed: int) -> EmbeddingMatrix:
    """Labels (permutations + 1, items + events), 1 for members of the window; the first row is the true one."""
    rng = np.random.default_rng(seed)
    labels = np.zeros((permutations + 1, items + events), dtype=np.float32)
    labels[0, items:] = 1.0
    drawn = rng.random((permutations, items + events), dtype=np.float32).argpartition(events, axis=1)[:, :events]
    np.put_along_axis(labels[1:], drawn, 1.0, axis=1)
    return labels


def unit_rows(embeddings: EmbeddingMatrix) -> EmbeddingMatrix:
    """`embeddings` with rows of length 1, read-only. Raises ValueError for a row that has no direction."""
    norms = np.sqrt(np.square(embeddings, dtype=np.float64).sum(axis=1))
    wrong = np.flatnonzero(~np.isfinite(norms) | (norms == 0.0))
    if wrong.size:
        raise ValueError(f"embedding {wrong[0]} has norm {norms[wrong[0]]}; expected a finite, non-zero vector")
    unit: EmbeddingMatrix = (embeddings / norms[:, None]).astype(np.float32)
    unit.setflags(write=False)
    return unit


def affected(reference: SkewReference, window: EmbeddingMatrix, result: SkewResult, limit: int) -> list[int]:
    """Positions of at most `limit` events of `window` that differ most in the way `result` says, most first.

    Only those beyond the 95 % of items that differ least in that way: the slice on which to look at scores.
    """
    if result.direction == "moved":
        axis = window.mean(axis=0) - reference.embeddings.mean(axis=0)
        items, events = reference.embeddings @ axis, window @ axis
    else:
        sign = 1.0 if result.direction == "higher" else -1.0
        items, events = sign * reference.novelties, sign * novelties(window, reference.embeddings)
    order = np.argsort(-events, kind="stable")
    return [int(i) for i in order[:limit] if events[i] > np.quantile(items, AFFECTED_QUANTILE)]
