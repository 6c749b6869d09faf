"""Answers by extraction: one to three sentences of the corpus, word for word, or a refusal.

Nothing is generated. The same question over the same corpus gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from qa.ranking import Candidate, Retrieved, ranked_sentences
from qa.words import stems_of

NOT_COVERED = "The Python documentation in this corpus does not cover that question."
"""Answer when no passage is close enough."""

SCORE_MIN = 0.30
"""Best cosine below which a question is not covered. Measured on examples/traffic: below lie 1 % of the questions about
Python, 90 % of the English questions on other topics and 99 % of the German, French and Spanish ones."""

SENTENCES_MAX = 3
"""Sentences of an answer at most. Chosen."""

GAIN_MIN = 0.6
"""Share of the best sentence's weight that a further sentence needs. Chosen by reading answers."""

NOVELTY_MIN = 0.4
"""Share of its words that a further sentence must add. Chosen: sibling docstrings repeat each other."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the chain says."""

    text: str
    finish_reason: str
    """`stop`, or `length` where max_words cut the text."""
    words: int
    """Words of the text, separated by white space."""


def answer_from(question: str, passages: Sequence[Retrieved], idf: Mapping[str, float], max_words: int) -> Answer:
    """The best sentences of the passages, in the order they stand in.

    passages: the ranked ones, in order. max_words: words of the answer at most.
    """
    if not is_covered(passages):
        return _cut(NOT_COVERED, max_words)
    chosen = _chosen(ranked_sentences(question, passages, idf))
    sentences = [candidate.text for candidate in sorted(chosen, key=lambda candidate: candidate.place)]
    return _cut(" ".join(sentences) or passages[0].passage.text, max_words)


def is_covered(passages: Sequence[Retrieved]) -> bool:
    """Whether a passage is close enough to answer from."""
    return any(item.score >= SCORE_MIN for item in passages)


def _chosen(candidates: Sequence[Candidate]) -> list[Candidate]:
    chosen: list[Candidate] = []
    said: set[str] = set()
    for candidate in candidates:
        if len(chosen) == SENTENCES_MAX or (chosen and candidate.weight < GAIN_MIN * chosen[0].weight):
            break
        words = set(stems_of(candidate.text))
        if len(words - said) >= NOVELTY_MIN * len(words):
            chosen.append(candidate)
            said |= words
    return chosen


def _cut(text: str, max_words: int) -> Answer:
    words = text.split()
    if len(words) <= max_words:
        return Answer(text, "stop", len(words))
    return Answer(" ".join(words[:max_words]), "length", max_words)
