"""WordNet: definitions of one field of life, and synonyms that change the vocabulary and little else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b

from .passages import Passage, distinct, passages_of

_SENSE = re.compile(r"(?:^|\n)\s+(?:(n|v|adj|adv) )?(\d+): ")
_SYNONYMS = re.compile(r"\[syn:\s*(.*?)\]", re.DOTALL)
_EXTRAS = re.compile(r"\[(?:syn|ant|also):.*?\]", re.DOTALL)
_BRACED = re.compile(r"\{([^{}]*)\}")
_WORD = re.compile(r"[A-Za-z]+")

BOTANY = re.compile(
    r"\b(?:herbs?|shrubs?|trees?|plants?|flowers?|leaves|foliage|fern|grass|genus|weed|moss|fung(?:us|i)|seeds?)\b"
)
MEDICINE = re.compile(
    r"\b(?:diseases?|disorders?|symptoms?|blood|inflammation|infections?|pain|drugs?|tissues?|nerves?|muscles?|bones?"
    r"|skin|surgical|medical|fever|tumors?|patients?|arter(?:y|ies)|veins?)\b"
)
MATCHES_MIN = 2
"""Words of its field that a definition needs. Chosen: one alone admits plants that are factories."""

SUBSTITUTED_SHARE = 0.45
"""Share of the words with a synonym that get one. Chosen: changes about 27 % of all words, as the study did."""

Senses = Sequence[tuple[str, str]]


def field_passages(entries: Senses, field: re.Pattern[str]) -> list[Passage]:
    """Definitions, as `headword: definition`, that speak of `field`; the headword is their document."""
    found: list[Passage] = []
    for headword, text in entries:
        for sense in _senses(text):
            definition = " ".join(_EXTRAS.sub("", sense).split())
            if len(field.findall(definition)) >= MATCHES_MIN:
                found += passages_of(headword, [f"{headword}: {definition}"])
    return distinct(found)


def synonyms_of(entries: Senses) -> dict[str, tuple[str, ...]]:
    """For each single lower-case word the other single words of its first sense that has any."""
    found: dict[str, tuple[str, ...]] = {}
    for headword, text in entries:
        word = headword.lower()
        if not word.isalpha() or word in found:
            continue
        for sense in _senses(text):
            named = [name for listed in _SYNONYMS.findall(sense) for name in _BRACED.findall(" ".join(listed.split()))]
            others = tuple(dict.fromkeys(name for name in named if name.isalpha() and name.islower() and name != word))
            if others:
                found[word] = others
                break
    return found


def with_synonyms(text: str, synonyms: Mapping[str, Sequence[str]]) -> str:
    """`text` with a fixed choice of its words replaced by synonyms; the same text always changes in the same way."""

    def replaced(match: re.Match[str]) -> str:
        word = match.group()
        others = synonyms.get(word.lower(), ())
        draw = int.from_bytes(blake2b(f"{match.start()} {text}".encode(), digest_size=8).digest(), "big")
        if not others or draw % 1_000 >= 1_000 * SUBSTITUTED_SHARE:
            return word
        chosen = others[(draw // 1_000) % len(others)]
        return chosen.capitalize() if word[0].isupper() else chosen

    return _WORD.sub(replaced, text)


def _senses(text: str) -> Iterable[str]:
    pieces = _SENSE.split(text)
    return pieces[3::3]
