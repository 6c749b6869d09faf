"""One call from admission to its end, behind every API: the APIs translate, this records.

    with CallSession(gateway, call) as session:
        caller = session.enter(authorization, is_loopback=...)   # authenticate, then limit
        ...                                                      # read the body
        resolved = session.resolve(route)                        # look the route up, and whether the caller may ask it
        ...                                                      # then work: translate the body
        session.admit(resolved, wire, parameters)                # check the route's policy, record the request
        answer, timing = await session.ask(wire, timeout_s)
        await session.end_well(timing)                           # once the answer was read

Invariant: however the block is left, the call has one end and its slot is given back (`core/call_state.py`). Leaving it by
an error is an end too: CancelledError is a client that went away, a Refusal is one, a gRPC error is upstream's end, and
anything else is a fault of ours, which the client hears as internal_error and not at all as silence.

A unary answer is held whole (`hold_answer`): its bytes count, and they and the slot are given back when the block is left,
after the answer was written. Its end is recorded before, because the client must not have an answer that no record knows:
`ok` says that the model server answered, and a client that goes away while it is written changes nothing of that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio

from weir.access.keys import Caller
from weir.access.refusals import REFUSALS, Refusal
from weir.access.slots import LimitReached
from weir.gateway.adapters.metrics import CRASHES
from weir.gateway.adapters.upstream import status_of
from weir.gateway.calls.call_start import trace_headers_of
from weir.gateway.calls.gateway import Gateway
from weir.gateway.calls.turnstile import Slot
from weir.gateway.core import call_state
from weir.gateway.core.call import Call, CallEnd
from weir.gateway.core.catalog import Resolved, Version
from weir.gateway.core.kept_answer import AnswerCollector
from weir.gateway.core.peek import NoMessage
from weir.gateway.core.policy import demand_parameters, demand_size
from weir.runtime.clock import monotonic_s
from weir.runtime.oip import INFER, SERVER_TIMING, trailer_of
from weir.runtime.telemetry.logs import logger

HTTP_OK = 200
"""Specified by RFC 9110."""


class CallSession:
    """A call from its arrival to its end."""

    def __init__(self, gateway: Gateway, call: Call) -> None:
        """call: as it arrives; `know` fills in what becomes known later."""
        self._call = call
        self._facts: dict[str, Any] = {}
        """What became known of the call since it was last looked at."""
        self.refusal: Refusal | None = None
        """What the client gets instead of the answer, because its record found no room."""
        self.first_piece_us: int | None = None
        """When the first piece came that the client was streamed."""
        self.has_sent_headers = False
        """Whether the client was sent the headers of its answer, with the request id."""
        self._gateway = gateway
        self._state = call_state.CallState()
        self._started_s = monotonic_s()
        self._slot: Slot | None = None
        self._permitted: tuple[str, str] | None = None
        """Route and task that the caller was found to have the rights for."""
        self._wire = b""
        self._wire_bytes = 0
        self._is_request_recorded = False
        self._answer = AnswerCollector(gateway.settings.capture_bytes_max, self._has_room)
        self._words_bytes: int | None = None
        """Of the answer; None where its messages are little else, as those of the Open Inference Protocol."""
        self._cancel: Callable[[], object] | None = None
        self._is_answer_held = False

    @property
    def call(self) -> Call:
        """The call, with all that is known of it."""
        if self._facts:
            self._call = replace(self._call, **self._facts)
            self._facts = {}
        return self._call

    @property
    def is_ended(self) -> bool:
        """Whether the call has its end."""
        return self._state.stage == "ended"

    def know(self, **facts: Any) -> None:
        """Fill in facts of the call, by the names of `Call`, that became known before it is admitted."""
        self._facts |= facts

    def enter(self, authorization: str, *, is_loopback: bool) -> Caller:
        """Authenticate the caller and take its slot; the call then has an id that proves it is this tenant's. Raises Refusal."""
        caller = self._gateway.caller(authorization, is_loopback=is_loopback)
        self.know(tenant=caller.tenant, request_id=self._gateway.request_ids.new(caller.tenant))
        self._slot = self._gateway.turnstile.enter_call(caller)
        return caller

    def receive(self, size_bytes: int) -> None:
        """So many bytes of the request came, or are about to. Raises LimitReached."""
        self._wire_bytes += size_bytes
        if self._slot is not None:
            self._slot.hold_bytes(size_bytes)

    def resolve(self, route: str) -> Resolved:
        """What the route means, for a caller who may ask it: who may not learns nothing else and costs nothing else.

        Raises Refusal.
        """
        assert self._slot is not None, "enter() comes first"
        caller = self._slot.caller
        caller.demand_any_task()
        resolved = self._gateway.catalog.resolve(route, caller)
        caller.demand_task(resolved.model.task)
        self._permitted = resolved.route, resolved.model.task
        return resolved

    def prompt(self, reference: str) -> Version:
        """The prompt that the caller names, for a route that was resolved. Raises Refusal."""
        assert self._slot is not None, "enter() comes first"
        return self._gateway.catalog.prompt(reference, self._slot.caller)

    def admit(self, resolved: Resolved, wire: bytes, parameters: Mapping[str, object]) -> None:
        """Check the route's policy and the tokens of the minute, and record the request. Raises Refusal.

        parameters: what is asked beside the text; may be empty where the route's policy says nothing about them.
        """
        assert self._slot is not None, "enter() comes first"
        assert self._permitted == (resolved.route, resolved.model.task), "resolve() comes first"
        self._wire, self._wire_bytes = wire, len(wire)
        demand_size(resolved.policy, resolved.route, len(wire))
        demand_parameters(resolved.policy, resolved.route, parameters)
        self._gateway.turnstile.charge_tokens(self._slot.caller, len(wire))
        self._is_request_recorded = self._gateway.recorder.record_request(self.call, wire)
        self._state = self._state.admitted()

    def mark_forwarded(self, cancel: Callable[[], object] | None = None) -> None:
        """The call is at its upstream. cancel: makes that stop; None where leaving the connection's block does."""
        self._cancel = cancel
        self._state = self._state.forwarded()

    async def ask(self, wire: bytes, timeout_s: float) -> tuple[bytes, str]:
        """The model server's answer to a ModelInfer request, which is kept, and its server timing. Raises AioRpcError."""
        under_way = self._gateway.upstream.unary(INFER, wire, timeout_s=timeout_s, metadata=trace_headers_of(self.call))
        self.mark_forwarded(under_way.cancel)
        answer = bytes(await under_way)
        self.keep(answer)
        return answer, trailer_of(await under_way.trailing_metadata(), SERVER_TIMING)

    def hold_answer(self) -> None:
        """Hold the answer whole, and with it the slot, until the block is left: there the client has read it, or is gone."""
        self._is_answer_held = True

    def keep(self, message: bytes) -> None:
        """A message of the answer, for the record. Raises LimitReached for one that is held and finds no room in flight."""
        if self.is_ended:
            return
        if self._is_answer_held and self._slot is not None:
            self._slot.hold_bytes(len(message))
        self._answer.add(message)

    def count_words(self, size_bytes: int) -> None:
        """So many bytes of the answer are the model's words: they count as tokens, and what is around them does not."""
        self._words_bytes = (self._words_bytes or 0) + size_bytes

    def take_piece(self, *, error_message: str = "", is_last: bool = False, has_words: bool = True) -> None:
        """A piece of a streamed answer came; its error or its being the last ends the call. has_words: of the model."""
        if has_words and self.first_piece_us is None and self.call.is_stream:
            self.first_piece_us = self._now_us()
        self._state = self._state.with_piece()
        ending = call_state.ending_of_piece(error_message, is_last=is_last)
        if ending is not None and self._state.has_pieces:
            self._end(ending)

    async def end_well(self, server_timing_json: str) -> None:
        """The answer was read and is good: the call ends well. Raises Refusal as `sync` does."""
        self.end_by_upstream(0, "", server_timing_json)
        await self.sync()

    def end_by_upstream(
        self, status_code: int, details: str = "", server_timing_json: str = "", *, stray_error: str = ""
    ) -> None:
        """The model server's status. 0 only after the answer was read. stray_error: one that may be this call's."""
        ending = call_state.ending_of(
            status_code,
            details,
            has_pieces=self._state.has_pieces,
            server_timing_json=server_timing_json,
            is_stream=self.call.is_stream,
            stray_error=stray_error,
        )
        self._end(ending, by_upstream=True)

    def end_by_answer(self, refusal: Refusal) -> None:
        """An OpenAI server refused the call, or its answer broke off; refusal: what the client gets for it."""
        ending = call_state.ending_of_answer(refusal.error_type, refusal.message, has_pieces=self._state.has_pieces)
        self._end(ending, by_upstream=True)

    def end_by_refusal(self, refusal: Refusal) -> None:
        """The gateway gives the call up while its block goes on."""
        self._end(call_state.ending_of_refusal(self._state, refusal.error_type, refusal.message))

    def end_by_client(self, message: str = call_state.CLIENT_GONE) -> None:
        """Nobody waits any more."""
        self._end(call_state.ending_of_client(message))

    async def sync(self) -> None:
        """Wait until the end is as durable as the setting says. Raises Refusal when the client must get another answer."""
        if self.refusal is not None:
            raise self.refusal
        await self._gateway.recorder.sync()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Make an end of whatever happened. Raises Refusal instead of an error of ours."""
        try:
            self._end_by_exit(error)
        finally:
            if self._slot is not None and self._is_answer_held:
                self._slot.leave()

    def _end_by_exit(self, error: BaseException | None) -> None:
        match error:
            case None | asyncio.CancelledError() | GeneratorExit():
                self.end_by_client()
            case Refusal():
                self.end_by_refusal(error)
            case grpc.aio.AioRpcError():
                status = status_of(error)
                self.end_by_upstream(status.code, status.details, trailer_of(error.trailing_metadata(), SERVER_TIMING))
            case NoMessage():
                refusal = Refusal("upstream_error", f"the model server's answer cannot be read: {error}")
                self.end_by_refusal(refusal)
                raise refusal from error
            case _:
                self._end_by_crash(error)

    def _end_by_crash(self, error: BaseException) -> None:
        CRASHES.inc()
        logger().error("call_crashed", request_id=self.call.request_id, error=type(error).__name__, exc_info=error)
        self._end(call_state.ending_of_crash(f"the gateway failed on this call ({type(error).__name__})"))
        if isinstance(error, Exception):
            raise Refusal(
                "internal_error", f"the gateway failed on call {self.call.request_id}; its log says why"
            ) from error

    def _end(self, ending: call_state.Ending, *, by_upstream: bool = False) -> None:
        self._state, to_do = self._state.ended(by_upstream=by_upstream)
        for one in to_do:
            match one:
                case "cancel_upstream":
                    if self._cancel is not None:
                        self._cancel()
                case "record_refusal":
                    self._gateway.recorder.record_refusal(self.call, self._call_end(ending), self._wire_bytes)
                case "record_end":
                    self._record_end(self._call_end(ending))
                case "release_slot":
                    self._release()

    def _record_end(self, end: CallEnd) -> None:
        answer = self._answer.answer()
        is_open = self._is_request_recorded
        self.refusal = self._gateway.recorder.record_end(self.call, end, self._wire, answer, is_open=is_open)

    def _release(self) -> None:
        if self._slot is not None:
            answered = self._answer.size_bytes if self._words_bytes is None else self._words_bytes
            self._gateway.turnstile.settle_tokens(self._slot.caller, answered)
            if not self._is_answer_held:
                self._slot.leave()

    def _call_end(self, ending: call_state.Ending) -> CallEnd:
        is_http = not self.call.protocol.startswith("oip")
        http_status = REFUSALS[ending.error_type][1] if ending.error_type else HTTP_OK
        return CallEnd(
            end_time_us=self._now_us(),
            outcome=ending.outcome,
            status_code=ending.status_code,
            http_status=http_status if is_http else None,
            error_type=ending.error_type,
            error_message=ending.error_message,
            first_token_time_us=self.first_piece_us,
            server_timing_json=ending.server_timing_json,
        )

    def _now_us(self) -> int:
        """Now on the call's own clock: its start by the wall clock, from there on the monotonic one."""
        return self.call.start_time_us + int((monotonic_s() - self._started_s) * 1e6)

    def _has_room(self, size_bytes: int) -> bool:
        if self._slot is None or self._is_answer_held:
            return self._slot is not None  # what is held whole counts already
        try:
            self._slot.hold_bytes(size_bytes)
        except LimitReached:
            return False
        return True
