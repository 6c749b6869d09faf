"""Changes of form: the same texts behind a prompt template, cut short, or joined."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .passages import Passage

PREFIXES = {
    "first": "You are a helpful assistant. Answer the user's question using the context below. ",
    "held-out": "### Instruction: Summarise the following text for a new colleague in two sentences. ### Input: ",
}
"""A prompt template of each base. Written for the benchmark, like those that are deployed; the second is unseen."""

TRUNCATED_WORDS = 8
"""Words that truncation leaves (from the study)."""


def templated(passages: Sequence[Passage], prefix: str) -> Iterator[Passage]:
    """Each text behind `prefix`."""
    return (Passage(passage.document, prefix + passage.text) for passage in passages)


def truncated(passages: Sequence[Passage]) -> Iterator[Passage]:
    """The first words of each text."""
    return (Passage(passage.document, " ".join(passage.text.split()[:TRUNCATED_WORDS])) for passage in passages)


def concatenated(passages: Sequence[Passage], texts: int) -> Iterator[Passage]:
    """Every `texts` neighbours as one text; what is left over at the end is dropped."""
    for start in range(0, len(passages) - texts + 1, texts):
        group = passages[start : start + texts]
        yield Passage(group[0].document, " ".join(passage.text for passage in group))
