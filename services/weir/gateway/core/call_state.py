"""The state of a call: arrived -> admitted -> forwarded -> ending -> ended, the same for every API.

    state, outcomes = step(state, event)

Law: every admitted call has exactly one end, and its slot is given back exactly once, whatever happens in whatever order.
A call that was not admitted leaves at most one small record of its refusal. What comes after the end changes nothing.
Pure: `CallSession` tells the events and carries the outcomes out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weir.gateway.core.call import Outcome
from weir.gateway.core.errors import REFUSALS, error_type_of

Stage = Literal["arrived", "admitted", "forwarded", "ending", "ended"]

CANCELLED, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE = 1, 13, 8, 14
"""gRPC status codes that decide an outcome."""

UNANSWERED = "the model server ended the stream without a response with this request's id"
"""What is said of a call that no piece came for. A model without an answer says so with a final response."""


@dataclass(frozen=True, slots=True)
class CallState:
    """Where a call is."""

    stage: Stage = "arrived"
    has_pieces: bool = False
    """Whether a part of its answer came from upstream."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a call ended."""

    outcome: Outcome
    status_code: int
    """gRPC status code number, 0 to 16."""
    error_type: str = ""
    """Stable word; empty on success."""
    error_message: str = ""
    server_timing_json: str = ""


# Events: what happens to a call.


@dataclass(frozen=True, slots=True)
class Admitted:
    """It may go upstream, and its request is recorded or shed."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Its bytes go upstream."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the answer came. error_message: of the model, in the answer. is_last: nothing follows."""

    error_message: str = ""
    is_last: bool = False


@dataclass(frozen=True, slots=True)
class UpstreamEnded:
    """Upstream said how it ended; an answer that ends well was read before this is told.

    is_stream: the answer comes in pieces. stray_error: an error that may be this call's, but named no call.
    """

    status_code: int
    details: str = ""
    server_timing_json: str = ""
    is_stream: bool = False
    stray_error: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The gateway gives the call up, for a reason of REFUSALS."""

    error_type: str
    message: str


@dataclass(frozen=True, slots=True)
class ClientGone:
    """Nobody waits for the answer any more."""

    message: str = "the client went away"


@dataclass(frozen=True, slots=True)
class Crashed:
    """The gateway's own code failed on this call."""

    message: str


@dataclass(frozen=True, slots=True)
class EndTaken:
    """The end is recorded."""


@dataclass(frozen=True, slots=True)
class EndNotTaken:
    """The spool took not even a small record of the end."""


Event = Admitted | Forwarded | Piece | UpstreamEnded | Refused | ClientGone | Crashed | EndTaken | EndNotTaken


# Outcomes: what is to be done about it.


@dataclass(frozen=True, slots=True)
class CancelUpstream:
    """Let the model server stop."""


@dataclass(frozen=True, slots=True)
class RecordRefusal:
    """Leave a small record of a call that was never admitted."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class RecordEnd:
    """Record the end; answer with EndTaken or EndNotTaken."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class ShedEnd:
    """Name the end as shed, so that nobody takes the call for open."""


@dataclass(frozen=True, slots=True)
class ReleaseSlot:
    """Give back what the call held."""


ToDo = CancelUpstream | RecordRefusal | RecordEnd | ShedEnd | ReleaseSlot


def step(state: CallState, event: Event) -> tuple[CallState, tuple[ToDo, ...]]:
    """The state after an event, and what is to be done. Total: an event out of order changes nothing."""
    if state.stage == "ended":
        return state, ()
    if state.stage == "ending":
        return _after_recording(state, event)
    if isinstance(event, Admitted):
        return (CallState("admitted") if state.stage == "arrived" else state), ()
    if isinstance(event, Forwarded):
        return (CallState("forwarded") if state.stage == "admitted" else state), ()
    if isinstance(event, Piece):
        state = CallState("forwarded", has_pieces=True) if state.stage == "forwarded" else state
    ending = _ending(state, event)
    return (state, ()) if ending is None else _ended(state, event, ending)


def ending_of(
    status_code: int,
    details: str,
    *,
    has_pieces: bool,
    server_timing_json: str = "",
    is_stream: bool = False,
    stray_error: str = "",
) -> Ending:
    """What a gRPC status of the model server means: the only function that says so.

    A refusal (RESOURCE_EXHAUSTED) is `refused`; an answer that broke off is `upstream_lost`; other errors are `failed`.
    A stream's OK is `failed` for a call that got no piece of it, a final one being a piece, or perhaps an error instead.
    """
    if status_code == 0:
        missing = UNANSWERED if is_stream and not has_pieces else ""
        if stray_error or missing:
            return Ending("failed", INTERNAL, "upstream_error", stray_error or missing, server_timing_json)
        return Ending("ok", 0, server_timing_json=server_timing_json)
    outcome: Outcome = "failed"
    if status_code == RESOURCE_EXHAUSTED:
        outcome = "refused"
    elif has_pieces and status_code in (UNAVAILABLE, INTERNAL):
        outcome = "upstream_lost"
    return Ending(outcome, status_code, error_type_of(status_code), details, server_timing_json)


def _after_recording(state: CallState, event: Event) -> tuple[CallState, tuple[ToDo, ...]]:
    if isinstance(event, EndTaken):
        return CallState("ended", state.has_pieces), (ReleaseSlot(),)
    if isinstance(event, EndNotTaken):
        return CallState("ended", state.has_pieces), (ShedEnd(), ReleaseSlot())
    return state, ()


def _ended(state: CallState, event: Event, ending: Ending) -> tuple[CallState, tuple[ToDo, ...]]:
    if state.stage == "arrived":
        return CallState("ended", state.has_pieces), (RecordRefusal(ending), ReleaseSlot())
    is_left = state.stage == "forwarded" and not isinstance(event, UpstreamEnded)
    leave: tuple[ToDo, ...] = (CancelUpstream(),) if is_left else ()
    return CallState("ending", state.has_pieces), (*leave, RecordEnd(ending))


def _ending(state: CallState, event: Event) -> Ending | None:
    """How the call ends by this event; None when it goes on."""
    match event:
        case Piece(error_message=message, is_last=is_last) if state.stage == "forwarded":
            if message:
                return Ending("failed", INTERNAL, "upstream_error", message)
            return Ending("ok", 0) if is_last else None
        case UpstreamEnded() if state.stage == "forwarded":
            return ending_of(
                event.status_code,
                event.details,
                has_pieces=state.has_pieces,
                server_timing_json=event.server_timing_json,
                is_stream=event.is_stream,
                stray_error=event.stray_error,
            )
        case Refused(error_type=word, message=message):
            return Ending(_outcome_of_refusal(state, word), REFUSALS[word][0], word, message)
        case ClientGone(message=message):
            return Ending("cancelled", CANCELLED, "cancelled", message)
        case Crashed(message=message):
            return Ending("failed", INTERNAL, "internal_error", message)
        case _:
            return None


def _outcome_of_refusal(state: CallState, error_type: str) -> Outcome:
    if error_type == "cancelled":
        return "cancelled"
    return "failed" if state.stage == "forwarded" else "refused"
