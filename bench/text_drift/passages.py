"""Passages: paragraphs of documents cut to the length of a message, 8 to 80 words.

Everything is decided by the text alone: the same packages give the same passages in the same order on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

WORDS_MIN = 8
WORDS_MAX = 80
"""Words of a passage (the study's bounds: about the length of a question or a short answer)."""

LETTERS_MIN = 0.65
"""Share of letters and spaces below which a paragraph is a table, a path list or code. Arbitrary: any value from 0.6
to 0.75 would do; another one makes another corpus."""

_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+")


@dataclass(frozen=True, slots=True)
class Passage:
    """One event's text. `document` names what it was cut from: passages of one document make a session."""

    document: str
    text: str

    @property
    def digest(self) -> str:
        """SHA-256 of the text in hexadecimal: its identity in caches and its place in every random-looking order."""
        return sha256(self.text.encode()).hexdigest()


def passages_of(document: str, paragraphs: Iterable[str]) -> Iterator[Passage]:
    """The passages of one document in order; paragraphs too short, or with too few letters, are left out."""
    for paragraph in paragraphs:
        for piece in _pieces(" ".join(paragraph.split())):
            if _is_prose(piece):
                yield Passage(document, piece)


def distinct(passages: Iterable[Passage]) -> list[Passage]:
    """The first passage of every text, in order."""
    seen: set[str] = set()
    kept = []
    for passage in passages:
        if passage.text not in seen:
            seen.add(passage.text)
            kept.append(passage)
    return kept


def _pieces(text: str) -> Iterator[str]:
    words: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        added = sentence.split()[:WORDS_MAX]
        if len(words) + len(added) > WORDS_MAX:
            yield " ".join(words)
            words = []
        words += added
    yield " ".join(words)


def _is_prose(text: str) -> bool:
    letters = sum(char.isalpha() or char == " " for char in text)
    return len(text.split()) >= WORDS_MIN and letters >= LETTERS_MIN * len(text)
