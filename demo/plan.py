"""Which questions are asked, in which order, through which client. Pure: the same files and seeds, the same plan."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from demo.answers import Ask
from demo.traffic.order import replay_order
from demo.traffic.records import Question

CLIENTS = ("tritonclient", "openai", "tritonclient", "openai-stream")
"""Clients in turn: half of the questions through each library, every second of openai's streamed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The asks of one run. Numbers go on from the steady to the shifted ones."""

    steady: tuple[Ask, ...]
    shifted: tuple[Ask, ...]

    @property
    def last_number(self) -> int:
        """Number of the last ask."""
        return (self.shifted or self.steady)[-1].number


def plan_of(
    base: tuple[Sequence[Question], Sequence[Question]],
    shifted: Sequence[Question],
    judged: Collection[str],
    *,
    steady_questions: int,
    shifted_questions_max: int,
    seed: int,
) -> Plan:
    """The plan over `base` (written, composed), its shifted part shuffled too.

    judged: ids of questions with feedback; all of them are asked. A uniform permutation stays one when asks that hold
    a judged question are swapped in for others at places that do not depend on the text, so the steady traffic stays
    exchangeable. Raises ValueError when the files hold fewer questions than asked for.
    """
    order = replay_order(base[0], base[1], seed)
    if len(order) < steady_questions:
        raise ValueError(f"the traffic holds {len(order)} base questions; {steady_questions} are asked for")
    steady = _with_judged(order, steady_questions, judged)
    other = list(shifted)
    random.Random(seed).shuffle(other)
    asks = [Ask(number, question) for number, question in enumerate([*steady, *other[:shifted_questions_max]], start=1)]
    return Plan(tuple(asks[:steady_questions]), tuple(asks[steady_questions:]))


def client_of(ask: Ask, judged: Collection[str]) -> str:
    """The client of an ask: in turn, but a judged question goes through openai, which shows the id feedback needs."""
    if ask.question.id in judged:
        return "openai"
    return CLIENTS[ask.number % len(CLIENTS)]


def _with_judged(order: Sequence[Question], count: int, judged: Collection[str]) -> list[Question]:
    """The first `count` of `order`, judged questions from the rest taking places of unjudged ones, spread evenly."""
    kept, rest = list(order[:count]), [question for question in order[count:] if question.id in judged]
    places = [place for place, question in enumerate(kept) if question.id not in judged]
    for nth, question in enumerate(rest):
        kept[places[nth * len(places) // len(rest)]] = question
    return kept
