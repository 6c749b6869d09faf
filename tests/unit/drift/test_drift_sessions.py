"""One turn per session enters, decided by hashes and a bounded memory."""

from __future__ import annotations

import pytest

from unit.drift.drift_traffic import Traffic
from weir.detectors.observation import Observation
from weir.detectors.sessions import choose, new_sessions


def _entered(events: list[Observation], capacity: int = 100, probability: float = 0.5) -> list[Observation]:
    sessions, entered = new_sessions(capacity), []
    for event in events:
        sessions, enters = choose(sessions, event, probability)
        if enters:
            entered.append(event)
    return entered


def _turns(sessions: int, turns: int) -> list[Observation]:
    source = Traffic(30)
    return [source.event(session=f"session-{i}", words=1) for _ in range(turns) for i in range(sessions)]


def test_at_most_one_turn_of_a_session_enters_and_long_sessions_do() -> None:
    entered = [event.session_id for event in _entered(_turns(50, 20))]
    assert sorted(set(entered)) == sorted(entered)
    assert len(entered) == 50


@pytest.mark.slow
def test_turn_k_enters_with_geometric_probability() -> None:
    sessions = 2_000
    events = _turns(sessions, 3)
    places = {event.event_id: i // sessions for i, event in enumerate(events)}
    turns = [places[event.event_id] for event in _entered(events, capacity=sessions)]
    shares = [turns.count(k) / sessions for k in range(3)]
    for share, expected in zip(shares, (0.5, 0.25, 0.125), strict=True):
        assert abs(share - expected) < 0.04


def test_a_session_of_its_own_always_enters() -> None:
    events = Traffic(31).events(20)
    assert _entered(events) == events


def test_the_least_recently_seen_session_is_forgotten_first() -> None:
    source = Traffic(32)
    a, b, a_again, c, b_again, a_last = (source.event(session=name, words=1) for name in "abacba")
    entered = _entered([a, b, a_again, c, b_again, a_last], capacity=2, probability=1.0)
    # c pushes b out, being less recent than a; then b pushes a out.
    assert entered == [a, b, c, b_again, a_last]


def test_choosing_leaves_the_memory_it_was_given_alone() -> None:
    before = new_sessions(4)
    after, enters = choose(before, Traffic(33).event(session="s"), 1.0)
    assert enters
    assert (before.tick, after.tick) == (0, 1)
    assert not before.seen.any()
