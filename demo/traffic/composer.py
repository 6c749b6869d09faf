"""Composes questions about Python from harvested subjects and hand-written phrasings; pure and deterministic.

Every choice is a hash of the seed and of what is chosen for, never a shared random stream: changing one subject or one
phrasing changes the questions it appears in and leaves the rest alone, on every platform and Python version.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

from demo.traffic.subjects import Subject, rank

# Chosen: how many questions of a kind there are; most are about everyday things (functions, methods, goals).
QUOTAS: Mapping[str, int] = {
    "function": 240,
    "method": 190,
    "goal": 235,
    "parameter": 220,
    "default": 110,
    "keyword_only": 50,
    "raises": 60,
    "class": 140,
    "exception": 76,
    "special_method": 90,
    "keyword": 50,
    "concept": 80,
    "sentence": 80,
    "module": 100,
    "pair": 79,
}
MAX_ROUNDS = 8  # chosen: a kind with few subjects asks about each again in other words, but not forever
OPENER_PERCENT = 4  # begin with words before the question; arbitrary: any value from 1 to 10 would do
CLOSER_PERCENT = 3  # end with words after it; likewise
CASUAL_PERCENT = 9  # typed in a hurry: no capital letter, no question mark; likewise

BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[AEIOaeio]\w\w)(?!one)")

Phrasings = Mapping[str, Sequence[str]]


def compose(subjects: Sequence[Subject], phrasings: Phrasings, seed: int) -> list[tuple[str, str]]:
    """``(text, topic)`` of every composed question, distinct, in a fixed shuffled order.

    Raises ``ValueError`` when the subjects of a kind cannot fill its quota.
    """
    composed: dict[str, tuple[str, str]] = {}
    for kind, quota in QUOTAS.items():
        fresh = 0
        for text, topic in _of_kind(kind, subjects, phrasings, seed):
            if fresh < quota and normal_form(text) not in composed:
                composed[normal_form(text)] = (text, topic)
                fresh += 1
        if fresh < quota:
            raise ValueError(
                f"kind {kind!r} gives {fresh} distinct questions, {quota} are wanted: add phrasings or lower it"
            )
    return sorted(composed.values(), key=lambda question: _number(seed, "order", question[0]))


def normal_form(text: str) -> str:
    """The text by which two questions count as the same one: case and white space do not matter."""
    return " ".join(text.casefold().split())


def _of_kind(kind: str, subjects: Sequence[Subject], phrasings: Phrasings, seed: int) -> Iterator[tuple[str, str]]:
    """Rounds over the subjects of a kind; phrasing follows phrasing, so that each is used equally often."""
    chosen = sorted(
        (subject for subject in subjects if subject.kind == kind), key=lambda s: _number(seed, kind, rank(s))
    )
    for round_number in range(MAX_ROUNDS):
        for position, subject in enumerate(chosen):
            phrasing = phrasings[kind][(position + round_number) % len(phrasings[kind])]
            yield _dress(phrasing.format_map(subject.slots), phrasings, seed), subject.topic


def _dress(question: str, phrasings: Phrasings, seed: int) -> str:
    """Adds, to a fixed share of the questions, what people put around a question, or leaves out what they leave out."""
    text = BEFORE_VOWEL.sub(r"\1n ", question)
    draw = _number(seed, "dress", question) % 100
    if draw < OPENER_PERCENT:
        opener = _pick(phrasings["opener"], seed, question)
        return f"{opener} {_lower_first(text) if opener.endswith((':', 'but')) else text}"
    if draw < OPENER_PERCENT + CLOSER_PERCENT:
        return f"{text} {_pick(phrasings['closer'], seed, question)}"
    if draw < OPENER_PERCENT + CLOSER_PERCENT + CASUAL_PERCENT:
        return _lower_first(text).rstrip("?.")
    return text


def _lower_first(text: str) -> str:
    """Lower-cases the first word unless it is "I", a name or an abbreviation."""
    first = text.split()[0]
    ordinary = first.isalpha() and first[1:].islower()
    return text[0].lower() + text[1:] if ordinary else text


def _pick(choices: Sequence[str], seed: int, what: str) -> str:
    return choices[_number(seed, "pick", what) % len(choices)]


def _number(seed: int, *parts: str) -> int:
    digest = hashlib.sha256("\x1f".join((str(seed), *parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big")
