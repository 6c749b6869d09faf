"""Answers by extraction: the best sentences of the best passages, word for word.

Nothing is generated: an answer is one to three sentences of the corpus, chosen by how many of the question's rare words
they hold, weighted by how close their passage is. The same question over the same corpus gives the same answer.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from corpus.passages import Passage

NOT_COVERED = "The Python documentation in this corpus does not cover that question."
"""Answer when no passage is close enough."""

SCORE_MIN = 0.3
"""Cosine below which no passage is close enough. Chosen after looking at unrelated questions, which score 0.1-0.28."""

SENTENCES_MAX = 3
"""Sentences of an answer at most. Chosen."""

GAIN_MIN = 0.45
"""Share of the best sentence's score that a further sentence needs. Chosen."""

WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z`\"'(\[])")


@dataclass(frozen=True, slots=True)
class Retrieved:
    """A passage and how close it is to the question, cosine -1 to 1."""

    passage: Passage
    score: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What the chain says, and why it stopped: stop or length."""

    text: str
    finish_reason: str
    words: int


def rarity(passages: Iterable[Passage]) -> Mapping[str, float]:
    """Inverse document frequency of each word of a corpus, nats; a word that stands everywhere weighs about 0."""
    counts: Counter[str] = Counter()
    total = 0
    for passage in passages:
        counts.update(set(_words(passage.text)))
        total += 1
    return {word: math.log((1 + total) / (1 + count)) for word, count in counts.items()}


def answer_from(question: str, retrieved: Sequence[Retrieved], idf: Mapping[str, float], max_words: int) -> Answer:
    """The best sentences of the retrieved passages, in the order of their passages.

    retrieved: best first. max_words: words of the answer at most; a longer one is cut and says `length`.
    """
    if not retrieved or retrieved[0].score < SCORE_MIN:
        return _cut(NOT_COVERED, max_words)
    wanted = set(_words(question))
    ranked = sorted(_scored(wanted, retrieved, idf), key=lambda item: (-item[0], item[1], item[2]))
    best = ranked[0][0]
    distinct = list({item[3]: item for item in reversed(ranked)}.values())[::-1]
    chosen = [item for item in distinct[:SENTENCES_MAX] if item[0] >= GAIN_MIN * best]
    text = " ".join(sentence for _, _, _, sentence in sorted(chosen, key=lambda item: (item[1], item[2])))
    return _cut(text, max_words)


def tokens_of(text: str) -> list[str]:
    """The pieces a stream sends: words with the space before them; joined they are the text again."""
    pieces = re.findall(r"\s*\S+", text)
    rest = text[sum(map(len, pieces)) :]
    return [*pieces[:-1], pieces[-1] + rest] if pieces else ([text] if text else [])


def _scored(
    wanted: set[str], retrieved: Sequence[Retrieved], idf: Mapping[str, float]
) -> Iterable[tuple[float, int, int, str]]:
    """(score, passage number, sentence number, sentence) for every sentence of the passages."""
    for number, item in enumerate(retrieved):
        for place, sentence in enumerate(SENTENCE_END.split(item.passage.text)):
            words = _words(sentence)
            if len(words) < 3:
                continue
            overlap = sum(idf.get(word, 0.0) for word in wanted & set(words))
            length = 1.0 + 0.02 * len(words)
            yield (0.2 + overlap / length) * max(item.score, 0.0) ** 2, number, place, sentence.strip()
        if not any(len(_words(sentence)) >= 3 for sentence in SENTENCE_END.split(item.passage.text)):
            yield 0.0, number, 0, item.passage.text


def _cut(text: str, max_words: int) -> Answer:
    words = text.split()
    if len(words) <= max_words:
        return Answer(text, "stop", len(words))
    return Answer(" ".join(words[:max_words]), "length", max_words)


def _words(text: str) -> list[str]:
    return [word.lower() for word in WORD.findall(text)]
