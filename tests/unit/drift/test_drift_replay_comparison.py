"""Laws of the comparison: every signal is in one row, equal histories agree, and only near signals are one."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unit.drift.drift_envelopes import SMALL, cut, shifting_items
from weir.drift.core.replay.comparison import Side, compared, placed
from weir.drift.core.replay.document import comparison_of, signal_of
from weir.drift.core.replay.fold import ReplayLimits, Signalled, begun, replayed
from weir.events import DriftSignalled

NEAR_EVENTS = 10


@cache
def fired() -> DriftSignalled:
    """A real signal, that a replay told."""
    replay = begun(SMALL, ReplayLimits(2, 100, 512))
    for envelope in cut(shifting_items(), [16]):
        replay = replayed(replay, 0, envelope)
    (stream,) = replay.streams.values()
    return next(told.signal for told in stream.signalled if told.signal.state == "fired")


def told(at_event: int, **fields: object) -> Signalled:
    request_id = f"request {at_event}"
    return Signalled(at_event, replace(fired(), trigger_request_id=request_id, **fields))  # type: ignore[arg-type]  # by name


HISTORY = st.sets(
    st.tuples(st.integers(1, 200), st.sampled_from(["fired", "cleared"]), st.sampled_from(["warn", "page"])),
    max_size=20,
).map(lambda found: [told(at, state=state, level=level) for at, state, level in sorted(found)])


@given(HISTORY, HISTORY)
@pytest.mark.slow
def test_every_signal_is_in_exactly_one_row(would: list[Signalled], did: list[Signalled]) -> None:
    rows = compared(would, did, NEAR_EVENTS)

    def identity(one: Signalled) -> tuple[int, str, str]:
        return one.at_event, one.signal.state, one.signal.level

    assert sorted(identity(row.would_have) for row in rows if row.would_have) == sorted(map(identity, would))
    assert sorted(identity(row.did) for row in rows if row.did) == sorted(map(identity, did))


@given(HISTORY, HISTORY)
def test_a_pair_is_of_one_state_and_level_and_near(would: list[Signalled], did: list[Signalled]) -> None:
    for row in compared(would, did, NEAR_EVENTS):
        if row.would_have and row.did:
            mine, other = row.would_have.signal, row.did.signal
            assert (mine.state, mine.level) == (other.state, other.level) == (row.state, row.level)
            assert abs(row.would_have.at_event - row.did.at_event) <= NEAR_EVENTS
            assert row.side is Side.BOTH


@given(HISTORY)
def test_a_history_agrees_with_itself(history: list[Signalled]) -> None:
    rows = compared(history, history, near_events=0)

    assert all(row.would_have == row.did for row in rows)
    assert len(rows) == len(history)


@given(HISTORY, HISTORY)
def test_the_other_way_round_the_sides_change_places(would: list[Signalled], did: list[Signalled]) -> None:
    there = [(row.would_have, row.did) for row in compared(would, did, 0)]
    back = [(row.did, row.would_have) for row in compared(did, would, 0)]

    assert sorted(there, key=repr) == sorted(back, key=repr)


@pytest.mark.parametrize(
    ("apart", "verdicts"),
    [(0, ["both"]), (NEAR_EVENTS, ["both"]), (NEAR_EVENTS + 1, ["would have", "did"])],
)
def test_two_signals_are_one_up_to_the_given_distance(apart: int, verdicts: list[str]) -> None:
    assert [str(row.side) for row in compared([told(50)], [told(50 + apart)], NEAR_EVENTS)] == verdicts


def test_steps_of_warming_are_not_compared() -> None:
    assert compared([told(1, state="warming", level="")], [], NEAR_EVENTS) == []


def test_the_same_event_comes_before_a_nearer_neighbour() -> None:
    rows = compared([told(50)], [told(45), told(50)], NEAR_EVENTS)

    assert [(row.at_event, str(row.side)) for row in rows] == [(45, "did"), (50, "both")]


def test_signals_about_other_events_have_no_place_and_one_told_twice_has_one() -> None:
    near, far = told(3).signal, told(9).signal

    assert placed([far, near, near], {"request 3": 3}) == [Signalled(3, near)]


def test_a_row_names_both_places() -> None:
    (row,) = compared([told(50)], [told(52)], NEAR_EVENTS)
    plain = comparison_of(("demo", "docs-qa", 1), row)

    assert (plain["would_have_at_event"], plain["did_at_event"], plain["verdict"]) == (50, 52, "both")
    assert (plain["tenant"], plain["route"], plain["partition"]) == ("demo", "docs-qa", 1)


def test_a_number_that_json_lacks_is_written_by_its_name() -> None:
    assert signal_of(told(1, statistic=math.inf))["statistic"] == "inf"
