"""Scores: what the bank's real code makes of every text of a corpus against one reference, computed once.

Channel scores, p-values and the whitened embedding depend only on the text and the reference, not on the stream. So each
text is scored once for a draw, by `weir.drift.core`, and streams are folded from these numbers.

A randomised p-value depends on a tie-breaking number u that every arrival has of its own: p = low + u * span. The
template channel has a memory of its stream besides: for it a text's `keys` are kept, and `fold` runs the real memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.observed_text import observe
from weir.detectors.channels import TEMPLATE
from weir.detectors.channels.knn_novelty import KnnNovelty
from weir.detectors.fitted import Fitted, fit, ranked, whitened_of
from weir.detectors.observation import Observation
from weir.detectors.prefix import prefix_key_of
from weir.detectors.reference import EmbeddingMatrix, FloatArray, build_reference
from weir.detectors.settings import BankSettings
from weir.detectors.template_memory import Keys, TemplateMemory

from .embeddings import EmbeddedCorpus
from .streams import Draw

_LEAST = 1e-9
"""Tie-breaking number that stands for 0, which no p-value is made of."""

_SCORED_TOGETHER = 512
"""Events scored at a time. Arbitrary: any value from 64 to 4,096 would do; it bounds the arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """For every row: `low` and `span` (rows, channels) of its p-values, NaN where skipped or with a memory; `keys` of its
    beginning and words, `copy_keys` of the whole text; `whitened` (rows, d), None where the reference has no mean EWMA;
    `novelty` (rows,), the plain score of the kNN channel, for the peers.
    """

    fitted: Fitted
    settings: BankSettings
    low: FloatArray
    span: FloatArray
    keys: tuple[Keys, ...]
    copy_keys: tuple[int, ...]
    whitened: EmbeddingMatrix | None
    novelty: FloatArray


def observations_of(corpus: EmbeddedCorpus) -> list[Observation]:
    """The Observation of every row, as the service would make it of an event with that text."""
    rows = zip(corpus.texts, corpus.vectors, strict=True)
    return [observe(text, event_id=f"row-{i}", embedding=vector) for i, (text, vector) in enumerate(rows)]


def score(observations: Sequence[Observation], draw: Draw, settings: BankSettings) -> Scores:
    """Fit the reference of `draw` and score every row. Cost: about 5 s for 13,000 texts."""
    fitted = fit(build_reference([observations[row] for row in draw.reference], 1), settings)
    least, most = (_p_values(fitted, observations, u) for u in (_LEAST, 1.0 - _LEAST))
    span = (most - least) / (1.0 - 2.0 * _LEAST)
    return Scores(
        fitted=fitted,
        settings=settings,
        low=least - _LEAST * span,
        span=span,
        keys=tuple((prefix_key_of(item.words), item.text_key) for item in observations),
        copy_keys=tuple(item.copy_key for item in observations),
        whitened=whitened_of(fitted, observations, [True] * len(observations)),
        novelty=np.array(KnnNovelty().score_many(observations, fitted.reference)),
    )


def _p_values(fitted: Fitted, observations: Sequence[Observation], uniform: float) -> FloatArray:
    parts = []
    for start in range(0, len(observations), _SCORED_TOGETHER):
        part = observations[start : start + _SCORED_TOGETHER]
        parts.append(ranked(fitted, TemplateMemory(), part, [uniform] * len(part))[1])
    p = np.concatenate(parts)
    p[:, TEMPLATE] = np.nan
    return p
