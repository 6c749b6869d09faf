"""One inference request of the gRPC listener: from its bytes to an admitted call with model and references."""

from __future__ import annotations

from collections.abc import Mapping

from weir.access.refusals import Refusal
from weir.gateway.calls.call_session import CallSession
from weir.gateway.calls.call_start import PROMPT, operation_of, session_of
from weir.gateway.calls.gateway import Gateway
from weir.gateway.core.answer_bound import bounded_request
from weir.gateway.core.catalog import Resolved
from weir.gateway.core.peek import NoMessage, Outline, Peeked, checked, outline
from weir.gateway.core.policy import demand_size, limits_parameters, parameters_in


def admit_request(session: CallSession, gateway: Gateway, wire: bytes, headers: Mapping[str, str]) -> Peeked:
    """The request as it is forwarded, of a caller who has entered: our own encoding of what was checked. Raises Refusal."""
    asked = _outline(session, wire)
    try:
        session_id, resolved = session_of(headers), session.resolve(asked.model_name)  # before the message is parsed
        peeked = _check(gateway, asked)
        resolved = _choose_prompt(session, resolved, peeked.model_name, headers)
    except Refusal:
        session.know(route=asked.model_name, client_request_id=asked.message_id)
        raise
    session.know(
        session_id=session_id,
        client_request_id=peeked.message_id,
        route=resolved.route,
        operation=operation_of(resolved),
        model=peeked.model_name,
        references=resolved.references,
    )
    demand_size(resolved.policy, resolved.route, len(wire))  # before the message is read for its parameters
    parameters = parameters_in(peeked.request) if limits_parameters(resolved.policy) else {}
    forwarded = bounded_request(resolved, peeked)
    session.admit(resolved, forwarded.wire, parameters)
    return forwarded


def _outline(session: CallSession, wire: bytes) -> Outline:
    try:
        asked = outline(wire)
    except NoMessage as error:
        session.know(route=error.model_name)
        raise _unsendable(error) from error
    if not asked.model_name:
        raise Refusal("invalid_request", "the ModelInferRequest names no model; set model_name")
    return asked


def _check(gateway: Gateway, asked: Outline) -> Peeked:
    try:
        return checked(asked, gateway.settings.oip_parameters_allowed)
    except NoMessage as error:
        raise _unsendable(error) from error


def _unsendable(error: NoMessage) -> Refusal:
    return Refusal("invalid_request", f"the ModelInferRequest cannot be sent on: {error}")


def _choose_prompt(session: CallSession, resolved: Resolved, model_name: str, headers: Mapping[str, str]) -> Resolved:
    """The route with the prompt that the client names. Raises Refusal for a name that this listener does not serve."""
    served = resolved.model.server_names
    if not served:
        text = f"{model_name!r} is at an OpenAI server, which has no tensors; ask it over the OpenAI API, under /v1"
        raise Refusal("model_not_found", text)
    if model_name not in served:
        raise Refusal(
            "model_not_found",
            f"{model_name!r} is a route of the OpenAI API; over gRPC ask for the model {' or '.join(served)}",
        )
    chosen = headers.get(PROMPT, "")
    return resolved.with_prompt(session.prompt(chosen)) if chosen else resolved.without_prompt()
