"""Shifted terms: the words whose share of texts changed most between two samples.

Score: the signed root of the likelihood ratio of two shares against one (Dunning, Accurate methods for the statistics of
surprise and coincidence, 1993), about a standard normal without change. It counts texts, not occurrences: one long text is
still one text. The difference of log odds in standard errors was tried first: it puts a word that is new, which has no
odds before, behind changes of "the" and "is".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import copysign, log, sqrt

from weir.events import ShiftedTerm

TERMS_MAX = 10
"""Words of a signal (chosen: what a person reads)."""

TERM_LEAST_TEXTS = 2
"""Least texts that hold a word for it to be named: a word of one text may be a name or a key, and chance besides."""


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
    scored = [_shift(word, before, after) for word in words if _may_be_named(word, before, after)]
    return tuple(sorted(scored, key=lambda one: (-abs(one.z), one.term))[:limit])


def rising_terms(before: TextCounts, after: TextCounts, limit: int) -> tuple[str, ...]:
    """The words that most tell `after` from `before`, strongest first."""
    terms = shifted_terms(before, after, limit=len(before.holding) + len(after.holding))
    return tuple(one.term for one in terms if one.z > 0.0)[:limit]


def _may_be_named(word: str, before: TextCounts, after: TextCounts) -> bool:
    held_before, held_after = before.holding.get(word, 0), after.holding.get(word, 0)
    if max(held_before, held_after) < TERM_LEAST_TEXTS:
        return False
    # Of a single text only words that the other sample knows well are left, see above.
    is_rising = held_after * before.texts > held_before * after.texts
    return held_after >= min(TERM_LEAST_TEXTS, after.texts) if is_rising else held_before >= TERM_LEAST_TEXTS


def _shift(word: str, before: TextCounts, after: TextCounts) -> ShiftedTerm:
    held_before, held_after = before.holding.get(word, 0), after.holding.get(word, 0)
    share_before, share_after = held_before / before.texts, held_after / after.texts
    common = (held_before + held_after) / (before.texts + after.texts)
    ratio = _gain(held_before, before.texts, common) + _gain(held_after, after.texts, common)
    z = copysign(sqrt(max(2.0 * ratio, 0.0)), share_after - share_before)
    return ShiftedTerm(term=word, z=z, share_before=share_before, share_after=share_after)


def _gain(held: int, texts: int, common: float) -> float:
    """How much likelier, in nats, `held` of `texts` is under its own share than under the common one."""
    return sum(
        count * log(count / (texts * share)) for count, share in ((held, common), (texts - held, 1.0 - common)) if count
    )
