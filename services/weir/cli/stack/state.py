"""The state of a stack, from facts alone: pure, so that every combination can be tested.

Invariant: what `up`, `down`, `status` and `doctor` say and do follows from locks that live processes hold and from those
processes themselves, never from a file that a process wrote earlier; and a start is allowed only where nothing lives.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """What a stack's folder is in. Each word is shown by `weir status`."""

    STOPPED = "stopped"
    """Nothing of it lives."""
    STARTING = "starting"
    """A `weir up` is at work on it."""
    RUNNING = "running"
    """Its supervisor answers and its start was completed."""
    HALF_STARTED = "half started"
    """Its supervisor answers, and the `weir up` that started it died before it was done."""
    UNANSWERING = "unanswering"
    """Its supervisor lives and does not answer."""
    ORPHANED = "orphaned"
    """Its supervisor is dead and processes of it live on."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen of a stack's folder at one time."""

    is_start_held: bool
    """A living `weir up` holds the lock of a start."""
    is_stack_held: bool
    """A living supervisor, or the `up` that starts one, holds the stack's lock."""
    is_answered: bool
    """The supervisor answers on its socket."""
    is_completed: bool
    """The record of the stack says that its start was completed."""
    live: tuple[str, ...] = ()
    """Names of its living processes, the supervisor not among them."""


def state_of(facts: Facts) -> State:
    """The state that facts show."""
    if facts.is_start_held:
        return State.STARTING
    if facts.is_answered:
        return State.RUNNING if facts.is_completed else State.HALF_STARTED
    if facts.is_stack_held:
        return State.UNANSWERING
    return State.ORPHANED if facts.live else State.STOPPED


def may_start(facts: Facts) -> bool:
    """Whether a stack may be started: nothing lives and nobody else starts."""
    return state_of(facts) is State.STOPPED and not facts.live


def explained(facts: Facts, home: str) -> tuple[str, str]:
    """What to tell a person: what is so, and the command that leads on; an empty command when none is needed."""
    live = f"{len(facts.live)} of its processes live: {', '.join(facts.live) or 'none'}"
    match state_of(facts):
        case State.STOPPED:
            return f"no stack runs in {home}", "weir up"
        case State.STARTING:
            return f"a stack is being started in {home}", "wait for it, or weir down"
        case State.RUNNING:
            return f"a stack runs on {home}", ""
        case State.HALF_STARTED:
            return f"the start of the stack in {home} was cut off; {live}", "weir down; weir up"
        case State.UNANSWERING:
            return f"the supervisor of the stack in {home} lives and does not answer; {live}", "weir down; weir up"
        case State.ORPHANED:
            return f"the supervisor of the stack in {home} is dead; {live}", "weir down; weir up"
