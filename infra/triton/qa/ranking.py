"""Which of the passages that are near a question come first, and which of their sentences answer it.

An embedding finds the neighbourhood; the words decide inside it. Both steps are plain sums over idf weights, so the
same question over the same corpus gives the same order everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from corpus.passages import Passage
from corpus.sentences import sentences_of

from qa.words import STOP_WORDS, stems_of

CANDIDATES = 24
"""Passages that are re-ranked by words. Chosen: the right one was seldom further down."""

WORDS_WEIGHT = 0.30
"""What sharing all of the question's rare words is worth, in cosine. Chosen by reading answers."""

NAME_WEIGHT = 0.15
"""What being the first passage about an object the question names is worth, in cosine. Chosen by reading answers."""

LEAD_FACTOR = 1.3
"""Advantage of a passage's first sentence: in reference documentation it says what the thing is. Chosen."""

SENTENCE_STEMS_MIN = 3
"""Stems below which a sentence is a fragment. Chosen."""

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*[A-Za-z0-9_]")
NO_PROSE = re.compile(r"::=|>>>")
"""Grammar productions and interpreter sessions: no answer in a sentence."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A passage and how close it is to the question."""

    passage: Passage
    score: float
    """Cosine, -1 to 1."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may be part of an answer."""

    weight: float
    passage_number: int
    sentence_number: int
    text: str

    @property
    def place(self) -> tuple[int, int]:
        """Where it stands among the retrieved passages."""
        return self.passage_number, self.sentence_number


def ranked_passages(question: str, near: Sequence[Retrieved], idf: Mapping[str, float]) -> list[Retrieved]:
    """The passages by cosine, shared rare words and names, best first. Their scores stay the cosines."""
    wanted, names = set(stems_of(question)), _names_in(question)

    def relevance(item: Retrieved) -> float:
        words = WORDS_WEIGHT * share_of(wanted, stems_of(item.passage.text), idf)
        return item.score + words + (NAME_WEIGHT if _is_about(item.passage.id, names) else 0.0)

    return sorted(near, key=lambda item: (-relevance(item), item.passage.id))


def ranked_sentences(question: str, passages: Sequence[Retrieved], idf: Mapping[str, float]) -> list[Candidate]:
    """Every usable sentence of the passages, best first."""
    wanted = set(stems_of(question))
    found = [
        _candidate(wanted, idf, item, (number, place), sentence)
        for number, item in enumerate(passages)
        for place, sentence in enumerate(sentences_of(item.passage.text))
        if len(stems_of(sentence)) >= SENTENCE_STEMS_MIN and not NO_PROSE.search(sentence)
    ]
    return sorted(found, key=lambda candidate: (-candidate.weight, candidate.place))


def share_of(wanted: Iterable[str], present: Iterable[str], idf: Mapping[str, float]) -> float:
    """Share of the wanted stems' idf that is present, 0 to 1; stems the corpus does not know do not count."""
    weights = {word: idf[word] for word in wanted if word in idf}
    total = sum(weights[word] for word in sorted(weights))
    there = set(present)
    return sum(weights[word] for word in sorted(weights) if word in there) / total if total else 0.0


def _candidate(
    wanted: set[str], idf: Mapping[str, float], item: Retrieved, place: tuple[int, int], sentence: str
) -> Candidate:
    closeness = max(item.score, 0.0) / (1.0 + 0.15 * place[0])
    length = 1.0 + 0.01 * len(sentence.split())
    lead = LEAD_FACTOR if place[1] == 0 else 1.0
    weight = (0.2 + share_of(wanted, stems_of(sentence), idf)) * closeness * lead / length
    return Candidate(weight, *place, sentence)


def _names_in(question: str) -> frozenset[str]:
    return frozenset(name for name in NAME.findall(question) if name.lower() not in STOP_WORDS)


def _is_about(passage_id: str, names: frozenset[str]) -> bool:
    """Whether it is the first passage of an object or topic that the question names."""
    name, _, number = passage_id.removeprefix("topics/").rpartition("#")
    short = name.rpartition(".")[2] if name.count(".") <= 1 else name
    return number == "0" and (name in names or short in names)
