"""The state of a call: arrived -> admitted -> forwarded -> ended, the same for every API.

    state = state.admitted()
    state, to_do = state.ended()

Law: every admitted call has exactly one end, and its slot is given back exactly once, whatever happens in whatever order.
A call that was not admitted leaves at most one small record of its refusal. What comes after the end changes nothing.
Pure: `CallSession` says what happened, and does what is to be done.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from weir.access.refusals import REFUSALS, error_type_of
from weir.events import Outcome

Stage = Literal["arrived", "admitted", "forwarded", "ended"]

ToDo = Literal["cancel_upstream", "record_refusal", "record_end", "release_slot"]
"""What an end asks for: let the model server stop; leave a small record of a call that was never admitted; record the end;
give back what the call held."""

CANCELLED, INTERNAL, RESOURCE_EXHAUSTED, UNAVAILABLE = 1, 13, 8, 14
"""gRPC status codes that decide an outcome."""

UNANSWERED = "the model server ended the stream without a response with this request's id"
"""What is said of a call that no piece came for. A model without an answer says so with a final response."""

CLIENT_GONE = "the client went away"
"""What is said of a call that nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class CallState:
    """Where a call is. An event out of order changes nothing."""

    stage: Stage = "arrived"
    has_pieces: bool = False
    """Whether a part of its answer came from upstream."""

    def admitted(self) -> CallState:
        """It may go upstream, and its request is recorded or shed."""
        return CallState("admitted") if self.stage == "arrived" else self

    def forwarded(self) -> CallState:
        """Its bytes go upstream."""
        return CallState("forwarded") if self.stage == "admitted" else self

    def with_piece(self) -> CallState:
        """A piece of its answer came."""
        return self if self.has_pieces or self.stage != "forwarded" else CallState("forwarded", has_pieces=True)

    def ended(self, *, by_upstream: bool = False) -> tuple[CallState, tuple[ToDo, ...]]:
        """It is over, and what is to be done. by_upstream: the model server said so, which only a forwarded call hears."""
        if self.stage == "ended" or (by_upstream and self.stage != "forwarded"):
            return self, ()
        after = CallState("ended", self.has_pieces)
        if self.stage == "arrived":
            return after, ("record_refusal", "release_slot")
        if self.stage == "forwarded" and not by_upstream:
            return after, ("cancel_upstream", "record_end", "release_slot")
        return after, ("record_end", "release_slot")


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


def ending_of(
    status_code: int,
    details: str,
    *,
    has_pieces: bool,
    server_timing_json: str = "",
    is_stream: bool = False,
    stray_error: str = "",
) -> Ending:
    """What a gRPC status of the model server means: the only function that says so. 0 only after the answer was read.

    is_stream: the answer comes in pieces. stray_error: an error that may be this call's, but named no call.
    A refusal (RESOURCE_EXHAUSTED) is `refused`; an answer that broke off is `upstream_lost`; other errors are `failed`.
    A stream's OK is `failed` for a call that got no piece of it, a final one being a piece, or perhaps an error instead.
    """
    if status_code == 0:
        missing = UNANSWERED if is_stream and not has_pieces else ""
        if stray_error or missing:
            return Ending("failed", INTERNAL, "upstream_error", stray_error or missing, server_timing_json)
        return Ending("ok", 0, server_timing_json=server_timing_json)
    outcome = _outcome(status_code, has_pieces=has_pieces)
    return Ending(outcome, status_code, error_type_of(status_code), details, server_timing_json)


def ending_of_answer(error_type: str, message: str, *, has_pieces: bool) -> Ending:
    """What the refusal of an OpenAI server, or the end of its connection, means: the same, by a word of REFUSALS."""
    status_code = REFUSALS[error_type][0]
    return Ending(_outcome(status_code, has_pieces=has_pieces), status_code, error_type, message)


def _outcome(status_code: int, *, has_pieces: bool) -> Outcome:
    """The outcome of a call that its upstream did not answer well."""
    if status_code == RESOURCE_EXHAUSTED:
        return "refused"
    return "upstream_lost" if has_pieces and status_code in (UNAVAILABLE, INTERNAL) else "failed"


def ending_of_piece(error_message: str, *, is_last: bool) -> Ending | None:
    """How a piece of an answer ends its call; None when it goes on. error_message: of the model, in the piece."""
    if error_message:
        return Ending("failed", INTERNAL, "upstream_error", error_message)
    return Ending("ok", 0) if is_last else None


def ending_of_refusal(state: CallState, error_type: str, message: str) -> Ending:
    """How a call ends that the gateway gives up, for a reason of REFUSALS."""
    outcome: Outcome = "failed" if state.stage == "forwarded" else "refused"
    return Ending("cancelled" if error_type == "cancelled" else outcome, REFUSALS[error_type][0], error_type, message)


def ending_of_client(message: str = CLIENT_GONE) -> Ending:
    """How a call ends that nobody waits for any more."""
    return Ending("cancelled", CANCELLED, "cancelled", message)


def ending_of_crash(message: str) -> Ending:
    """How a call ends that the gateway's own code failed on."""
    return Ending("failed", INTERNAL, "internal_error", message)
