"""Replaying: every question asked once, never more under way than allowed, and a stop is heeded."""

from __future__ import annotations

import threading

import pytest

from demo.answers import Answer, Ask, Outcome
from demo.replay import by_name, replay
from demo.traffic.records import Question

ASKS = [Ask(number, Question(f"w{number:04}", "Why?", "syntax")) for number in range(1, 101)]


class CountingAsker:
    """An asker that answers at once and knows how many asks were under way together."""

    name = "counting"

    def __init__(self, meet: int) -> None:
        """meet: asks that wait for one another before any is answered, so that they surely overlap."""
        self._barrier = threading.Barrier(meet)
        self._lock = threading.Lock()
        self._under_way = 0
        self.most_under_way = 0

    def ask(self, ask: Ask) -> Outcome:
        """Answer once `meet` asks are under way."""
        with self._lock:
            self._under_way += 1
            self.most_under_way = max(self.most_under_way, self._under_way)
        self._barrier.wait(timeout=10.0)
        with self._lock:
            self._under_way -= 1
        return Answer(ask, self.name, "Because.", "", 0.0, 1.0)


def test_every_question_is_asked_once_with_no_more_under_way_than_allowed() -> None:
    asker, outcomes = CountingAsker(meet=4), list[Outcome]()
    replay(ASKS, lambda _: asker, 4, outcomes.append, threading.Event())
    assert sorted(outcome.ask.number for outcome in outcomes) == [ask.number for ask in ASKS]
    assert asker.most_under_way == 4


def test_a_stop_lets_those_under_way_end() -> None:
    asker, outcomes, stop = CountingAsker(meet=1), list[Outcome](), threading.Event()

    def note(outcome: Outcome) -> None:
        outcomes.append(outcome)
        if len(outcomes) == 10:
            stop.set()

    replay(ASKS, lambda _: asker, 2, note, stop)
    assert 10 <= len(outcomes) <= 12


def test_an_error_in_the_demo_itself_is_raised() -> None:
    asker = CountingAsker(meet=1)

    def note(_: Outcome) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        replay(ASKS, lambda _: asker, 2, note, threading.Event())


def test_an_asker_is_chosen_by_its_name() -> None:
    asker = CountingAsker(meet=1)
    assert by_name([asker], lambda _: "counting")(ASKS[0]) is asker
