"""The state of a stack over all facts: nothing is started where anything lives, and the words fit what is so."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.cli.stack.state import Facts, State, explained, may_start, state_of

FACTS = st.builds(
    Facts,
    is_start_held=st.booleans(),
    is_stack_held=st.booleans(),
    is_answered=st.booleans(),
    is_completed=st.booleans(),
    live=st.sampled_from([(), ("kafka",), ("gateway", "kafka")]),
)


@given(FACTS)
def test_a_start_is_allowed_only_where_nothing_lives_and_nobody_starts(facts: Facts) -> None:
    lives = facts.is_start_held or facts.is_stack_held or facts.is_answered or bool(facts.live)

    assert may_start(facts) is not lives


@given(FACTS)
def test_running_is_said_only_of_a_completed_start_whose_supervisor_answers(facts: Facts) -> None:
    if state_of(facts) is State.RUNNING:
        assert facts.is_answered
        assert facts.is_completed
        assert not facts.is_start_held


@given(FACTS)
def test_stopped_is_said_only_when_nothing_lives(facts: Facts) -> None:
    if state_of(facts) is State.STOPPED:
        assert facts.live == ()
        assert not any((facts.is_stack_held, facts.is_answered, facts.is_start_held))


@given(FACTS)
def test_every_state_but_running_names_a_command_that_leads_on(facts: Facts) -> None:
    text, command = explained(facts, "/h")

    assert "/h" in text
    assert bool(command) is (state_of(facts) is not State.RUNNING)
    if facts.live and state_of(facts) in (State.ORPHANED, State.UNANSWERING, State.HALF_STARTED):
        assert "weir down" in command
        assert all(name in text for name in facts.live)


@given(FACTS, st.booleans())
def test_what_a_record_says_never_makes_dead_processes_live(facts: Facts, is_completed: bool) -> None:
    other = Facts(facts.is_start_held, facts.is_stack_held, facts.is_answered, is_completed, facts.live)

    assert may_start(other) is may_start(facts)
