"""What normal traffic looks like: an immutable, versioned sample of events that later events are compared with.

It must be drawn the way the stream is (same thinning, same mix): a reference drawn otherwise halves the time to a
false alarm (measured). Fewer than 1,000 events break the false-alarm promise for many draws, so that is the least a
bank accepts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from weir.drift.core.observation import Observation
from weir.drift.core.word_counts import IntVector, WordCounts, count_words

FloatArray = npt.NDArray[np.float64]
EmbeddingMatrix = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Arrays of one reference sample, row i being its i-th event in order of arrival.

    `embeddings` (m, d), unit rows, holds only the m <= n events that had one. `word_ids[word_starts[i]:word_starts[i +
    1]]` are the words of text i in `word_counts`. `digest` is the SHA-256 of all contents and the version, in
    hexadecimal.
    """

    version: int
    embeddings: EmbeddingMatrix
    char_counts: FloatArray
    punctuation_shares: FloatArray
    word_counts: WordCounts
    word_ids: IntVector
    word_starts: IntVector
    digest: str

    @property
    def events(self) -> int:
        """Events in the sample."""
        return int(self.char_counts.size)

    def texts(self) -> list[IntVector]:
        """Word ids of every text that has words."""
        pieces = np.split(self.word_ids, self.word_starts[1:-1])
        return [ids for ids in pieces if ids.size]


def build_reference(observations: Sequence[Observation], version: int) -> Reference:
    """The reference made of `observations`, deterministically. Cost: linear, about 20 ms for 2,000 short texts."""
    embedded = [observation.embedding for observation in observations if observation.embedding is not None]
    word_counts = count_words([observation.words for observation in observations])
    ids = [word_counts.ids(observation.words) for observation in observations]
    return assemble_reference(
        version=version,
        embeddings=np.stack(embedded) if embedded else np.zeros((0, 0), dtype=np.float32),
        char_counts=np.array([observation.char_count for observation in observations], dtype=np.float64),
        punctuation_shares=np.array([item.punctuation_share for item in observations], dtype=np.float64),
        word_counts=word_counts,
        word_ids=np.concatenate([np.zeros(0, dtype=np.int64), *ids]),
        word_starts=np.cumsum([0, *(piece.size for piece in ids)], dtype=np.int64),
    )


def assemble_reference(
    *,
    version: int,
    embeddings: EmbeddingMatrix,
    char_counts: FloatArray,
    punctuation_shares: FloatArray,
    word_counts: WordCounts,
    word_ids: IntVector,
    word_starts: IntVector,
) -> Reference:
    """A Reference of these contents, arrays made read-only, digest computed."""
    content = sha256(f"weir drift reference 1\nversion {version}\n".encode())
    for array in (embeddings, char_counts, punctuation_shares, word_counts.counts, word_ids, word_starts):
        array.setflags(write=False)
        content.update(f"{array.dtype.str} {array.shape}\n".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    content.update(f"words {word_counts.total} {word_counts.min_count}\n".encode())
    content.update("\n".join(word_counts.words).encode())
    digest = content.hexdigest()
    return Reference(version, embeddings, char_counts, punctuation_shares, word_counts, word_ids, word_starts, digest)
