"""What normal traffic looks like: an immutable, versioned sample of events that later events are compared with.

It must be drawn the way the stream is (same thinning, same mix): a reference drawn otherwise halves the time to a
false alarm (measured). Fewer than 1,000 events break the false-alarm promise for many draws, so that is the least a
bank accepts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt

from weir.drift.core.language import LANGUAGES, language_of
from weir.drift.core.observation import Observation
from weir.drift.core.prefix import KeyVector, prefix_key_of, text_key_of
from weir.drift.core.word_counts import IntVector, WordCounts, count_words

_UNSEEN_LANGUAGE_COUNT = 0.5
"""Count of a language without reference texts: below every count that there is."""

FloatArray = npt.NDArray[np.float64]
EmbeddingMatrix = npt.NDArray[np.float32]

_LEAST_UNKNOWN = 0.5
"""Unknown words that a reference without any is taken to hold: no count is then infinitely surprising."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Arrays of one reference sample, row i being its i-th event in order of arrival.

    `embeddings` (m, d), unit rows, holds only the m <= n events that had one. `word_ids[word_starts[i]:word_starts[i +
    1]]` are the words of text i in `word_counts`. `prefix_keys` and `text_keys` (n,) are the keys of the texts, see
    `prefix`; `languages` (n,) their codes in `language.LANGUAGES`. `missing` (n,) is 1 where an expected embedding is missing,
    `refused` (n,) 1 where the answer declined; both, and `latencies_ms` (n,), are NaN where unknown. `digest` is the
    SHA-256 of all contents and the version, in hexadecimal. `unknown_share`, `mean_bits` and `language_bits`
    (languages,) follow from the words: see the vocabulary, surprisal and language channels.
    """

    version: int
    embeddings: EmbeddingMatrix
    char_counts: FloatArray
    punctuation_shares: FloatArray
    word_counts: WordCounts
    word_ids: IntVector
    word_starts: IntVector
    prefix_keys: KeyVector
    text_keys: KeyVector
    languages: IntVector
    missing: FloatArray
    refused: FloatArray
    latencies_ms: FloatArray
    digest: str
    unknown_share: float
    mean_bits: float
    language_bits: FloatArray

    @property
    def events(self) -> int:
        """Events in the sample."""
        return int(self.char_counts.size)

    def texts(self) -> list[IntVector]:
        """Word ids of every text that has words."""
        return _texts(self.word_ids, self.word_starts)


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
        prefix_keys=np.array([prefix_key_of(item.words) for item in observations], dtype=np.uint64),
        text_keys=np.array([text_key_of(item.words) for item in observations], dtype=np.uint64),
        languages=np.array([language_of(item.words) for item in observations], dtype=np.int64),
        missing=_numbers(missing_of(item) for item in observations),
        refused=_numbers(item.refused for item in observations),
        latencies_ms=_numbers(item.latency_ms for item in observations),
    )


def missing_of(observation: Observation) -> float | None:
    """1 where an expected embedding is missing, 0 where it is there; None where none was expected for sure."""
    return float(observation.embedding is None) if observation.embedding_expected else None


def _numbers(values: Iterable[float | None]) -> FloatArray:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def assemble_reference(
    *,
    version: int,
    embeddings: EmbeddingMatrix,
    char_counts: FloatArray,
    punctuation_shares: FloatArray,
    word_counts: WordCounts,
    word_ids: IntVector,
    word_starts: IntVector,
    prefix_keys: KeyVector,
    text_keys: KeyVector,
    languages: IntVector,
    missing: FloatArray,
    refused: FloatArray,
    latencies_ms: FloatArray,
) -> Reference:
    """A Reference of these contents, arrays made read-only, digest computed."""
    content = sha256(f"weir drift reference 2\nversion {version}\n".encode())
    columns = (char_counts, punctuation_shares, prefix_keys, text_keys, languages, missing, refused, latencies_ms)
    for array in (embeddings, word_counts.counts, word_ids, word_starts, *columns):
        array.setflags(write=False)
        content.update(f"{array.dtype.str} {array.shape}\n".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    content.update(f"words {word_counts.total} {word_counts.min_count}\n".encode())
    content.update("\n".join(word_counts.words).encode())
    digest = content.hexdigest()
    unknown_share, mean_bits = _usual(word_counts, _texts(word_ids, word_starts))
    return Reference(
        version, embeddings, char_counts, punctuation_shares, word_counts, word_ids, word_starts, prefix_keys, text_keys,
        languages, missing, refused, latencies_ms, digest, unknown_share, mean_bits,
        _language_bits(languages),
    )  # fmt: skip


def _texts(word_ids: IntVector, word_starts: IntVector) -> list[IntVector]:
    return [ids for ids in np.split(word_ids, word_starts[1:-1]) if ids.size]


def _usual(word_counts: WordCounts, texts: Sequence[IntVector]) -> tuple[float, float]:
    """Share of words that only their own text holds (above 0), and mean bits per word, each text left out of its own
    model.
    """
    words = max(sum(ids.size for ids in texts), 1)
    unknown = sum(int(np.count_nonzero(word_counts.seen_elsewhere(ids) == 0)) for ids in texts)
    bits = sum(word_counts.surprisal_bits_elsewhere(ids) * ids.size for ids in texts)
    return max(unknown, _LEAST_UNKNOWN) / words, bits / words


def _language_bits(languages: IntVector) -> FloatArray:
    """Minus the binary logarithm of the share of every language."""
    counts = np.bincount(languages, minlength=len(LANGUAGES))
    return np.asarray(np.log2(languages.size / np.maximum(counts, _UNSEEN_LANGUAGE_COUNT)))
