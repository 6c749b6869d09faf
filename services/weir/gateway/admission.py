"""Admitting one inference request of the gRPC door: from its bytes to a call with tenant, model and references."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from weir.gateway.app import Desk
from weir.gateway.call_start import operation_of, session_of, started
from weir.gateway.core.call import Call, Protocol
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.errors import Refusal
from weir.gateway.core.peek import NoMessage, Peeked, peek


@dataclass(frozen=True, slots=True)
class Admitted:
    """A call that may go upstream."""

    call: Call
    wire: bytes
    """The request as it is forwarded and recorded: the gateway's own encoding of what it checked."""


class Refused(Exception):
    """A call that may not; it was recorded already."""

    def __init__(self, call: Call, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.call = call
        self.refusal = refusal


def admit(
    desk: Desk,
    wire: bytes,
    headers: Mapping[str, str],
    protocol: Protocol,
    *,
    is_loopback: bool,
    deadline_ms: int | None,
) -> Admitted:
    """Admit one ModelInferRequest and record it. Raises Refused."""
    call = started(headers, protocol, "text_completion", "", deadline_ms)
    try:
        peeked = _peeked(desk, wire)
        wire = peeked.wire
        call = replace(call, route=peeked.model_name, client_request_id=peeked.message_id)
        caller = desk.caller(headers.get("authorization", ""), is_loopback=is_loopback)
        call = replace(
            call,
            tenant=caller.tenant,
            request_id=desk.request_ids.new(caller.tenant),
            session_id=session_of(headers),
        )
        resolved = _resolved(desk, peeked.model_name, headers)
        call = replace(
            call,
            route=resolved.route,
            operation=operation_of(resolved),
            model=peeked.model_name,
            references=resolved.references,
        )
        desk.admit(caller, resolved, len(wire))
        desk.requested(call, wire)
    except Refusal as refusal:
        desk.refused(call, refusal, wire)
        raise Refused(call, refusal) from refusal
    return Admitted(call, wire)


def _peeked(desk: Desk, wire: bytes) -> Peeked:
    try:
        peeked = peek(wire, desk.settings.oip_parameters_allowed)
    except NoMessage as error:
        raise Refusal("invalid_request", f"the ModelInferRequest cannot be sent on: {error}") from error
    if not peeked.model_name:
        raise Refusal("invalid_request", "the ModelInferRequest names no model; set model_name")
    return peeked


def _resolved(desk: Desk, model_name: str, headers: Mapping[str, str]) -> Resolved:
    resolved = desk.catalog.resolve(model_name)
    served = [name for name in (resolved.unary_model, resolved.stream_model) if name]
    if model_name not in served:
        raise Refusal(
            "model_not_found",
            f"{model_name!r} is a route of the HTTP door; over gRPC ask for the model {' or '.join(served)}",
        )
    chosen = headers.get("weir-prompt", "")
    return resolved.with_prompt(desk.catalog.prompt(chosen)) if chosen else resolved.without_prompt()
