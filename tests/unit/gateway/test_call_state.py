"""The life of a call: one end and one slot given back, whatever happens in whatever order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.gateway.core import call_state
from weir.gateway.core.call import Outcome
from weir.gateway.core.errors import REFUSALS

STATUSES = st.integers(0, 16)
HAPPENINGS = st.one_of(
    st.just(call_state.Admitted()),
    st.just(call_state.Forwarded()),
    st.builds(call_state.Piece, st.sampled_from(["", "the model failed"]), st.booleans()),
    st.builds(call_state.UpstreamEnded, STATUSES, st.text(max_size=5)),
    st.builds(call_state.Refused, st.sampled_from(sorted(REFUSALS)), st.text(max_size=5)),
    st.just(call_state.ClientGone()),
    st.just(call_state.Crashed("a bug")),
)
"""All that can happen to a call from outside."""

ANSWERS = st.sampled_from([call_state.EndTaken(), call_state.EndNotTaken()])
"""What the spool says to an end."""

LEAVING = st.sampled_from([call_state.ClientGone(), call_state.Crashed("left"), call_state.Refused("cancelled", "")])
"""How a session is left when nothing ended it before."""


def lived(
    events: list[call_state.Event], answers: list[call_state.Event]
) -> tuple[call_state.CallState, list[call_state.ToDo]]:
    """A life under these events; the spool answers each end at once, as the session does."""
    state, done, left = call_state.CallState(), list[call_state.ToDo](), list(answers)
    queue = list(events)
    while queue:
        state, to_do = call_state.step(state, queue.pop(0))
        done += to_do
        if any(isinstance(one, call_state.RecordEnd) for one in to_do):
            queue.insert(0, left.pop(0))
    return state, done


def counted(done: list[call_state.ToDo], *kinds: type[call_state.ToDo]) -> int:
    return sum(isinstance(one, kinds) for one in done)


@pytest.mark.capability("X1")
@given(st.lists(HAPPENINGS, max_size=12), ANSWERS, LEAVING)
def test_every_call_has_exactly_one_end_and_gives_its_place_back_once(
    happened: list[call_state.Event], answer: call_state.Event, leaving: call_state.Event
) -> None:
    state, done = lived([*happened, leaving], [answer])

    assert state.stage == "ended"
    assert counted(done, call_state.RecordEnd, call_state.RecordRefusal) == 1
    assert counted(done, call_state.ReleaseSlot) == 1
    assert isinstance(done[-1], call_state.ReleaseSlot), "the slot is held until the end is recorded"
    assert counted(done, call_state.ShedEnd) == counted(done, call_state.RecordEnd) * isinstance(
        answer, call_state.EndNotTaken
    )


@given(st.lists(HAPPENINGS, max_size=12), st.lists(HAPPENINGS, max_size=5), LEAVING)
def test_what_comes_after_the_end_changes_nothing(
    happened: list[call_state.Event], later: list[call_state.Event], leaving: call_state.Event
) -> None:
    state, done = lived([*happened, leaving], [call_state.EndTaken()])

    assert lived([*happened, leaving, *later], [call_state.EndTaken()]) == (state, done)


@given(st.lists(HAPPENINGS, max_size=12), LEAVING)
def test_only_an_admitted_call_has_an_end_and_only_a_stranger_a_refusal(
    happened: list[call_state.Event], leaving: call_state.Event
) -> None:
    state, is_admitted = call_state.CallState(), False
    for event in [*happened, leaving]:
        is_admitted = is_admitted or (state.stage == "arrived" and isinstance(event, call_state.Admitted))
        state, to_do = call_state.step(state, event)
        assert not counted(list(to_do), call_state.RecordEnd) or is_admitted
        assert not counted(list(to_do), call_state.RecordRefusal) or not is_admitted


@given(st.lists(HAPPENINGS, max_size=12), LEAVING)
def test_the_model_server_is_let_go_if_and_only_if_it_was_asked_and_had_not_ended(
    happened: list[call_state.Event], leaving: call_state.Event
) -> None:
    state, before = call_state.CallState(), call_state.CallState()
    for event in [*happened, leaving]:
        before, (state, to_do) = state, call_state.step(state, event)
        if any(isinstance(one, call_state.RecordEnd) for one in to_do):
            is_left = before.stage == "forwarded" and not isinstance(event, call_state.UpstreamEnded)
            assert counted(list(to_do), call_state.CancelUpstream) == is_left
        else:
            assert not counted(list(to_do), call_state.CancelUpstream)


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


def test_an_end_that_was_not_taken_is_shed_by_name() -> None:
    state, _ = lived([call_state.Admitted(), call_state.Forwarded()], [])

    state, recording = call_state.step(state, call_state.UpstreamEnded(0))
    state, shedding = call_state.step(state, call_state.EndNotTaken())

    assert recording == (call_state.RecordEnd(call_state.Ending("ok", 0)),)
    assert shedding == (call_state.ShedEnd(), call_state.ReleaseSlot())
