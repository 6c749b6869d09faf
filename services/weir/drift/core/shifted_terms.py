"""Shifted terms: the words whose share of texts changed most between two samples.

Score: the difference of log odds that a text holds the word, in its standard errors, with a prior of `PRIOR_TEXTS` texts
in which both samples agree, so that a rare word needs more than one text to stand out. Monroe, Colaresi and Quinn,
Fightin' Words (2008), with texts counted rather than occurrences: one long text is still one text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import log, sqrt

from weir.events import ShiftedTerm

PRIOR_TEXTS = 10.0
"""Weight of the prior, texts (chosen)."""

TERMS_MAX = 10
"""Words of a signal (chosen: what a person reads)."""

TERM_LEAST_TEXTS = 2
"""Least texts of either sample that hold a word for it to be named: a word of one text may be a name or a key."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """How many of `texts` texts hold each word."""

    holding: Mapping[str, int]
    texts: int


def count_texts(texts: Iterable[tuple[str, ...]]) -> TextCounts:
    """Counts over texts given as distinct words."""
    total, holding = 0, Counter[str]()
    for words in texts:
        holding.update(words)
        total += 1
    return TextCounts(holding, total)


def shifted_terms(before: TextCounts, after: TextCounts, limit: int = TERMS_MAX) -> tuple[ShiftedTerm, ...]:
    """The `limit` words that shifted most, in either direction, most first; ties in order of the alphabet."""
    if not before.texts or not after.texts:
        return ()
    # Keys of a mapping in order: the same counts always give the same terms.
    words = dict.fromkeys((*after.holding, *before.holding))
    scored = [
        _shift(word, before, after)
        for word in words
        if max(before.holding.get(word, 0), after.holding.get(word, 0)) >= TERM_LEAST_TEXTS
    ]
    return tuple(sorted(scored, key=lambda one: (-abs(one.z), one.term))[:limit])


def rising_terms(before: TextCounts, after: TextCounts, limit: int) -> tuple[str, ...]:
    """The words that most tell `after` from `before`, strongest first."""
    told = shifted_terms(before, after, limit=len(before.holding) + len(after.holding))
    return tuple(one.term for one in told if one.z > 0.0)[:limit]


def _shift(word: str, before: TextCounts, after: TextCounts) -> ShiftedTerm:
    held_before, held_after = before.holding.get(word, 0), after.holding.get(word, 0)
    common = (held_before + held_after) / (before.texts + after.texts)
    with_word, without = PRIOR_TEXTS * common, PRIOR_TEXTS * (1.0 - common)
    odds, variance = [], 0.0
    for held, texts in ((held_before, before.texts), (held_after, after.texts)):
        yes, no = held + with_word, max(texts - held + without, 1e-9)
        odds.append(log(yes / no))
        variance += 1.0 / yes + 1.0 / no
    return ShiftedTerm(
        term=word,
        z=(odds[1] - odds[0]) / sqrt(variance),
        share_before=held_before / before.texts,
        share_after=held_after / after.texts,
    )
