"""The demo's plan: distinct questions, judged ones among them, half through each client library."""

from __future__ import annotations

from collections import Counter

import pytest

from demo.plan import client_of, plan_of
from demo.traffic.records import Question, feedback, questions

BASE = (questions("written"), questions("composed"))
SHIFTED = questions("shifted")
JUDGED = {row.question_id for row in feedback()}
PLAN = plan_of(BASE, SHIFTED, JUDGED, steady_questions=1_550, shifted_questions_max=150, seed=3)


def test_at_least_1500_distinct_questions_come_before_the_shift() -> None:
    assert len({ask.question.text for ask in PLAN.steady}) == 1_550
    assert not any(ask.question.shift for ask in PLAN.steady)


def test_numbers_go_on_over_the_shift() -> None:
    asks = [*PLAN.steady, *PLAN.shifted]
    assert [ask.number for ask in asks] == list(range(1, 1_701))
    assert all(ask.question.shift for ask in PLAN.shifted)


def test_the_shifted_traffic_is_shuffled() -> None:
    first = Counter(ask.question.shift for ask in PLAN.shifted[:50])
    assert min(first["topic"], first["language"]) >= 10


def test_every_judged_question_is_asked_through_openai() -> None:
    asked = {ask.question.id: client_of(ask, JUDGED) for ask in PLAN.steady}
    assert {asked[question] for question in JUDGED} == {"openai"}


def test_half_goes_through_each_library() -> None:
    clients = Counter(client_of(ask, JUDGED) for ask in PLAN.steady)
    assert clients["tritonclient"] / len(PLAN.steady) == pytest.approx(0.5, abs=0.03)
    assert clients["openai-stream"] >= 300


def test_the_same_seed_gives_the_same_plan_and_another_one_another() -> None:
    again = plan_of(BASE, SHIFTED, JUDGED, steady_questions=1_550, shifted_questions_max=150, seed=3)
    other = plan_of(BASE, SHIFTED, JUDGED, steady_questions=1_550, shifted_questions_max=150, seed=4)
    assert again == PLAN
    assert other != PLAN


def test_more_than_the_files_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="holds 1 base questions; 2 are asked for"):
        plan_of(([Question("w1", "Why?", "x")], []), [], set(), steady_questions=2, shifted_questions_max=1, seed=0)
