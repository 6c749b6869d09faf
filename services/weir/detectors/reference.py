"""What normal traffic looks like: an immutable, versioned sample of events that later events are compared with.

It must be drawn the way the stream is (same thinning, same mix): a reference drawn otherwise halves the time to a
false alarm (measured). Fewer than 1,000 events break the false-alarm promise for many draws, so that is the least a
bank accepts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Annotated

import numpy as np
import numpy.typing as npt

from weir.detectors.language import LANGUAGES, language_of
from weir.detectors.observation import Observation
from weir.detectors.prefix import NO_WORDS, KeyVector, prefix_key_of
from weir.detectors.repeats import RepeatRule, entering, repeat_rule
from weir.detectors.word_counts import IntVector, WordCounts, count_words
from weir.state import ARRAY

_UNSEEN_LANGUAGE_COUNT = 0.5
"""Count of a language without reference texts: below every count that there is."""

FloatArray = Annotated[npt.NDArray[np.float64], ARRAY]
BoolVector = Annotated[npt.NDArray[np.bool_], ARRAY]
EmbeddingMatrix = Annotated[npt.NDArray[np.float32], ARRAY]

_LEAST_UNKNOWN = 0.5
"""Unknown words that a reference without any is taken to hold: no count is then infinitely surprising."""


@dataclass(frozen=True, slots=True)
class KnownText:
    """A text that the reference holds, under the model of all its other texts: `words`, how many of them are `unknown`,
    and mean `bits` a word.
    """

    words: int
    unknown: int
    bits: float


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Arrays of one reference sample, row i being its i-th event in order of arrival.

    `embeddings` (m, d), unit rows, holds only the m <= n events that are `embedded` (n,).
    `word_ids[word_starts[i]:word_starts[i + 1]]` are the words of text i in `word_counts`. `prefix_keys`, `text_keys` and
    `copy_keys` (n,) are the keys of the texts, see `prefix`; `languages` (n,) their codes in `language.LANGUAGES`.
    `missing` (n,) is 1 where an expected embedding is missing, `refused` (n,) 1 where the answer declined; both, and
    `latencies_ms` (n,), are NaN where unknown. `digest` is the SHA-256 of all contents and the version, in hexadecimal.

    The rest follows from these. `known_texts`: by text key; a later text that is one of them has its score, so that equal
    texts tie. `unknown_share`, `mean_bits` and `language_bits` (languages,): see the vocabulary, surprisal and language
    channels. `repeat_rule`, and which events are `entering` (n,) under it: only those are ranked among, see `repeats`.
    """

    version: int
    embeddings: EmbeddingMatrix
    embedded: BoolVector
    char_counts: FloatArray
    punctuation_shares: FloatArray
    word_counts: WordCounts
    word_ids: IntVector
    word_starts: IntVector
    prefix_keys: KeyVector
    text_keys: KeyVector
    copy_keys: KeyVector
    languages: IntVector
    missing: FloatArray
    refused: FloatArray
    latencies_ms: FloatArray
    digest: str = field(init=False)
    known_texts: Mapping[int, KnownText] = field(init=False, repr=False)
    unknown_share: float = field(init=False)
    mean_bits: float = field(init=False)
    language_bits: FloatArray = field(init=False, repr=False)
    repeat_rule: RepeatRule = field(init=False, repr=False)
    entering: BoolVector = field(init=False, repr=False)

    def __post_init__(self) -> None:
        texts, keys = _texts(self.word_ids, self.word_starts), self.text_keys.tolist()
        known_texts = _known_texts(self.word_counts, texts, keys)
        unknown_share, mean_bits = _usual([known_texts[key] for key in keys if key != NO_WORDS])
        object.__setattr__(self, "digest", _digest(self))
        object.__setattr__(self, "known_texts", known_texts)
        object.__setattr__(self, "unknown_share", unknown_share)
        object.__setattr__(self, "mean_bits", mean_bits)
        object.__setattr__(self, "language_bits", _language_bits(self.languages))
        object.__setattr__(self, "repeat_rule", repeat_rule(self.copy_keys))
        object.__setattr__(self, "entering", entering(self.copy_keys))

    @property
    def events(self) -> int:
        """Events in the sample."""
        return int(self.char_counts.size)

    def texts(self) -> list[IntVector]:
        """Word ids of every text that has words."""
        return [ids for ids in _texts(self.word_ids, self.word_starts) if ids.size]


def build_reference(observations: Sequence[Observation], version: int) -> Reference:
    """The reference made of `observations`, deterministically. Cost: linear, about 20 ms for 2,000 short texts."""
    embedded = [observation.embedding for observation in observations if observation.embedding is not None]
    word_counts = count_words([observation.words for observation in observations])
    ids = [word_counts.ids(observation.words) for observation in observations]
    return Reference(
        version=version,
        embeddings=np.stack(embedded) if embedded else np.zeros((0, 0), dtype=np.float32),
        embedded=np.array([observation.embedding is not None for observation in observations], dtype=np.bool_),
        char_counts=np.array([observation.char_count for observation in observations], dtype=np.float64),
        punctuation_shares=np.array([item.punctuation_share for item in observations], dtype=np.float64),
        word_counts=word_counts,
        word_ids=np.concatenate([np.zeros(0, dtype=np.int64), *ids]),
        word_starts=np.cumsum([0, *(piece.size for piece in ids)], dtype=np.int64),
        prefix_keys=np.array([prefix_key_of(item.words) for item in observations], dtype=np.uint64),
        text_keys=np.array([item.text_key for item in observations], dtype=np.uint64),
        copy_keys=np.array([item.copy_key for item in observations], dtype=np.uint64),
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


def _digest(reference: Reference) -> str:
    """Of the stored contents, whose arrays are made read-only."""
    content = sha256(f"weir drift reference 3\nversion {reference.version}\n".encode())
    counts = reference.word_counts
    for array in (
        reference.embeddings, reference.embedded, counts.counts, reference.word_ids, reference.word_starts,
        reference.char_counts, reference.punctuation_shares, reference.prefix_keys, reference.text_keys,
        reference.copy_keys, reference.languages, reference.missing, reference.refused, reference.latencies_ms,
    ):  # fmt: skip
        array.setflags(write=False)
        content.update(f"{array.dtype.str} {array.shape}\n".encode())
        content.update(np.ascontiguousarray(array).tobytes())
    content.update(f"words {counts.total} {counts.min_count}\n".encode())
    content.update("\n".join(counts.words).encode())
    return content.hexdigest()


def _texts(word_ids: IntVector, word_starts: IntVector) -> list[IntVector]:
    return np.split(word_ids, word_starts[1:-1])


def _known_texts(word_counts: WordCounts, texts: Sequence[IntVector], keys: Sequence[int]) -> dict[int, KnownText]:
    copies, known = Counter(keys), dict[int, KnownText]()
    for ids, key in zip(texts, keys, strict=True):
        if key != NO_WORDS and key not in known:
            unknown = int(np.count_nonzero(word_counts.seen_elsewhere(ids, copies[key]) == 0))
            known[key] = KnownText(ids.size, unknown, word_counts.surprisal_bits_elsewhere(ids, copies[key]))
    return known


def _usual(texts: Sequence[KnownText]) -> tuple[float, float]:
    """Share of words that no other text holds (above 0), and mean bits per word, over the texts of all events."""
    words = max(sum(text.words for text in texts), 1)
    unknown = sum(text.unknown for text in texts)
    bits = sum(text.bits * text.words for text in texts)
    return max(unknown, _LEAST_UNKNOWN) / words, bits / words


def _language_bits(languages: IntVector) -> FloatArray:
    """Minus the binary logarithm of the share of every language."""
    counts = np.bincount(languages, minlength=len(LANGUAGES))
    return np.asarray(np.log2(languages.size / np.maximum(counts, _UNSEEN_LANGUAGE_COUNT)))
