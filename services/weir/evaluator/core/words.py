"""Words, sentences, numbers and negations of a text, as the lexical evaluators see them."""

from __future__ import annotations

from weir.text import sentences, words

ENGLISH_NEGATIONS = {"no", "not", "never", "none", "nothing", "nobody", "neither", "nor", "cannot", "without"}
GERMAN_NEGATIONS = {"nicht", "nichts", "kein", "keine", "keinen", "keiner", "nie", "niemals", "ohne", "weder"}
NEGATIONS = frozenset(ENGLISH_NEGATIONS | GERMAN_NEGATIONS)
"""Words that turn a sentence round; words on -n't count too."""


def words_of(text: str) -> list[str]:
    """Lower-cased words in order, as `weir.text` cuts them; digits of every script are written as 0 to 9."""
    return [word.lower() for word in words.words_of(words.with_ascii_digits(text))]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text that hold a word, as `weir.text` cuts them."""
    return sentences.sentences_of(text)


def numbers_of(words: list[str]) -> frozenset[str]:
    """The words that hold a digit."""
    return frozenset(word for word in words if any(char.isdigit() for char in word))


def has_negation(words: list[str]) -> bool:
    """Whether an odd number of words negate: two turn the sentence back."""
    return sum(word in NEGATIONS or word.endswith("n't") for word in words) % 2 == 1
