"""Words of a text as the ranking sees them: lower case, common English words left out, endings cut.

Light on purpose: "dictionaries" must meet "dictionary" and "opened" must meet "open"; nothing more is needed.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

STOP_WORDS = frozenset({
    "a", "about", "all", "also", "an", "and", "any", "are", "as", "at", "be", "because", "been", "being", "but",
    "by", "can", "could", "did", "do", "does", "doing", "e", "for", "from", "g", "get", "give", "had", "has",
    "have", "how", "i", "if", "in", "into", "is", "it", "its", "just", "like", "may", "me", "mean", "mine", "much",
    "my", "no", "not", "of", "off", "on", "one", "or", "other", "our", "out", "please", "really", "should", "so",
    "some", "such", "t", "tell", "than", "that", "the", "their", "them", "then", "there", "these", "they", "this",
    "those", "to", "too", "use", "used", "using", "want", "was", "way", "we", "were", "what", "when", "where",
    "which", "while", "who", "why", "will", "with", "work", "would", "you", "your",
})  # fmt: skip
"""English words that say nothing about the topic. Python keywords among them are left to the embedding."""

ENDINGS = ("ings", "ing", "ies", "ers", "ed", "es", "er", "s", "y", "e")
"""Endings cut from a word, longest first."""

STEM_CHARS_MIN = 3
"""Letters that stay of a word at least."""


def stems_of(text: str) -> list[str]:
    """Stems of the words of a text that are no stop words, in order; names with underscores stay whole."""
    return [stem(word) for word in map(str.lower, WORD.findall(text)) if word not in STOP_WORDS]


def stem(word: str) -> str:
    """A lower-case word without its ending: dictionary, dictionaries -> dictionar."""
    if "_" in word:
        return word
    for ending in ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= STEM_CHARS_MIN:
            shorter = word.removesuffix(ending)
            doubled = ending in ("ing", "ed", "er") and len(shorter) > STEM_CHARS_MIN and shorter[-1] == shorter[-2]
            return shorter[:-1] if doubled and shorter[-1] not in "ls" else shorter
    return word


def rarity(texts: Iterable[str]) -> Mapping[str, float]:
    """Inverse document frequency of each stem, nats; one that stands in every text weighs 0."""
    counts: Counter[str] = Counter()
    total = 0
    for text in texts:
        counts.update(set(stems_of(text)))
        total += 1
    return {word: math.log((1 + total) / (1 + count)) for word, count in counts.items()}
