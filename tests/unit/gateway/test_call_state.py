"""The state of a call: one end and one slot given back, whatever happens in whatever order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.access.refusals import REFUSALS
from weir.events import Outcome
from weir.gateway.core import call_state
from weir.gateway.core.call_state import CallState, ToDo

STATUSES = st.integers(0, 16)

Step = Callable[[CallState], tuple[CallState, tuple[ToDo, ...]]]
"""Something that happens to a call."""


def admitted(state: CallState) -> tuple[CallState, tuple[ToDo, ...]]:
    return state.admitted(), ()


def forwarded(state: CallState) -> tuple[CallState, tuple[ToDo, ...]]:
    return state.forwarded(), ()


def answered(state: CallState) -> tuple[CallState, tuple[ToDo, ...]]:
    return state.with_piece(), ()


def left(state: CallState) -> tuple[CallState, tuple[ToDo, ...]]:
    """Its client, the gateway or its code ends it, or a last piece does."""
    return state.ended()


def ended_upstream(state: CallState) -> tuple[CallState, tuple[ToDo, ...]]:
    return state.ended(by_upstream=True)


STEPS = st.lists(st.sampled_from([admitted, forwarded, answered, left, ended_upstream]), max_size=12)
"""All that can happen to a call, in any order."""


def run(steps: Sequence[Step]) -> tuple[CallState, list[ToDo]]:
    """A call under these steps."""
    state, done = CallState(), list[ToDo]()
    for step in steps:
        state, to_do = step(state)
        done += to_do
    return state, done


@pytest.mark.capability("X1")
@given(STEPS)
def test_every_call_has_exactly_one_end_and_gives_its_slot_back_once(steps: list[Step]) -> None:
    state, done = run([*steps, left])

    assert state.stage == "ended"
    assert done.count("record_end") + done.count("record_refusal") == 1
    assert done.count("release_slot") == 1
    assert done[-1] == "release_slot", "the slot is held until the end is recorded"


@given(STEPS, STEPS)
def test_what_comes_after_the_end_changes_nothing(steps: list[Step], later: list[Step]) -> None:
    assert run([*steps, left, *later]) == run([*steps, left])


@given(STEPS)
def test_only_an_admitted_call_has_an_end_and_only_a_stranger_a_refusal(steps: list[Step]) -> None:
    state, is_admitted = CallState(), False
    for step in [*steps, left]:
        is_admitted = is_admitted or (state.stage == "arrived" and step is admitted)
        state, to_do = step(state)
        assert "record_end" not in to_do or is_admitted
        assert "record_refusal" not in to_do or not is_admitted


@given(STEPS)
def test_the_model_server_is_let_go_if_and_only_if_it_was_asked_and_had_not_ended(steps: list[Step]) -> None:
    state = CallState()
    for step in [*steps, left]:
        before, (state, to_do) = state, step(state)
        is_left = "record_end" in to_do and before.stage == "forwarded" and step is not ended_upstream
        assert ("cancel_upstream" in to_do) == is_left


@given(STEPS)
def test_an_end_of_the_model_server_and_its_pieces_are_those_of_a_forwarded_call(steps: list[Step]) -> None:
    state, _ = run(steps)

    assert (state.ended(by_upstream=True) == (state, ())) == (state.stage != "forwarded")
    assert state.with_piece() == (replace(state, has_pieces=True) if state.stage == "forwarded" else state)


@given(STEPS, st.sampled_from(sorted(REFUSALS)))
def test_a_refusal_after_the_forwarding_is_a_failure(steps: list[Step], word: str) -> None:
    state, _ = run(steps)
    ending = call_state.ending_of_refusal(state, word, "no")

    assert ending.status_code == REFUSALS[word][0]
    if word == "cancelled":
        assert ending.outcome == "cancelled"
    else:
        assert ending.outcome == ("failed" if state.stage == "forwarded" else "refused")


@given(STATUSES, st.booleans(), st.booleans(), st.sampled_from(["", "boom"]))
def test_ok_is_only_an_answer_that_the_model_server_called_ok(
    status_code: int, has_pieces: bool, is_stream: bool, stray_error: str
) -> None:
    ending = call_state.ending_of(status_code, "", has_pieces=has_pieces, is_stream=is_stream, stray_error=stray_error)
    is_answered = (has_pieces or not is_stream) and not stray_error

    assert (ending.outcome == "ok") == (status_code == 0 and is_answered)
    assert bool(ending.error_type) == (ending.outcome != "ok")
    assert not ending.error_type or ending.error_type in REFUSALS
    assert stray_error in ending.error_message or status_code != 0


@pytest.mark.parametrize(
    ("status_code", "has_pieces", "outcome"),
    [(8, False, "refused"), (8, True, "refused"), (14, False, "failed"), (14, True, "upstream_lost"),
     (13, True, "upstream_lost"), (3, True, "failed"), (1, False, "failed")],
)  # fmt: skip
def test_what_a_status_of_the_model_server_means(status_code: int, has_pieces: bool, outcome: Outcome) -> None:
    assert call_state.ending_of(status_code, "", has_pieces=has_pieces).outcome == outcome
