"""Words, sentences, numbers and negations of a text, as the lexical evaluators see them."""

from __future__ import annotations

import re

_WORD = re.compile(r"\w+(?:['\u2019]\w+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n")

ENGLISH_NEGATIONS = {"no", "not", "never", "none", "nothing", "nobody", "neither", "nor", "cannot", "without"}
GERMAN_NEGATIONS = {"nicht", "nichts", "kein", "keine", "keinen", "keiner", "nie", "niemals", "ohne", "weder"}
NEGATIONS = frozenset(ENGLISH_NEGATIONS | GERMAN_NEGATIONS)
"""Words that turn a sentence round; words on -n't count too."""


def words_of(text: str) -> list[str]:
    """Lower-cased words in order: runs of letters, digits and `_`, with inner apostrophes."""
    return [match.group().lower().replace("\u2019", "'") for match in _WORD.finditer(text)]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text that hold a word: cut after `.`, `!` or `?` before white space, and at blank
    lines; a single line end is where a text was wrapped."""
    return [part for part in _SENTENCE_END.split(text) if _WORD.search(part)]


def numbers_of(words: list[str]) -> frozenset[str]:
    """The words that hold a digit."""
    return frozenset(word for word in words if any(char.isdigit() for char in word))


def has_negation(words: list[str]) -> bool:
    """Whether an odd number of words negate: two turn the sentence back."""
    return sum(word in NEGATIONS or word.endswith("n't") for word in words) % 2 == 1
