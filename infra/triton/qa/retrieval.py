"""The passages near a question: nearest by embedding, then ordered by words and names. Nodes retrieve and rank of both chains."""

from __future__ import annotations

import pathlib

import numpy as np
import numpy.typing as npt
from corpus.store import load_current, nearest

from qa.ranking import CANDIDATES, Retrieved, ranked_passages
from qa.timings import Timings
from qa.words import rarity


class Retriever:
    """The corpus that is served; its index is mapped, not copied."""

    def __init__(self, folder: pathlib.Path) -> None:
        """folder: where `prepare.py` built the corpus. Raises FileNotFoundError saying how to build it."""
        self._corpus = load_current(folder)
        self.rarity = rarity(passage.text for passage in self._corpus.passages)

    @property
    def digest(self) -> str:
        """Content digest of the corpus."""
        return self._corpus.manifest.digest

    def passages(self, question: str, vector: npt.NDArray[np.float32], count: int, timings: Timings) -> list[Retrieved]:
        """The best `count` passages for a question with this embedding, best first; fewer where the corpus is smaller."""
        rows = nearest(self._corpus.index, vector, max(CANDIDATES, count))
        near = [Retrieved(self._corpus.passages[row], score) for row, score in rows]
        timings.end("retrieve")
        ranked = ranked_passages(question, near, self.rarity)[:count]
        timings.end("rank")
        return ranked
