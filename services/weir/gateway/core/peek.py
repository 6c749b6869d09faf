"""A look at the outside of an Open Inference Protocol message: which model it asks, under which id, with which options.

Invariant (K4): what is authorised is what is recorded and what is forwarded. A request is read once, by protobuf's own
parser; what that parser understood is checked and encoded anew, and only this encoding goes on. So a repeated field, an
overlong number or another order of fields has no second meaning; a field that protobuf does not know is refused.

Cost: 4 us for a request of 250 bytes, 6 us for 2 kB, 2.3 ms for 8 MB; 1.2 us for a streamed response. No tensor is
decoded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.gateway.core.errors import NAME_CHARS_MAX, cut

REQUEST_PARAMETERS = frozenset({"triton_enable_empty_final_response"})
"""Parameters of a request that every caller may set: stock clients ask for the end of a stream with this one. Others
(`priority`, `timeout`, `sequence_id`, ...) steer the server or reach the model unseen; the operator may allow them."""

OUTPUT_PARAMETERS = frozenset({"classification"})
"""Parameters of a requested output: stock clients ask for the top classes with this one."""

SHARED_MEMORY = "shared_memory_"
"""Prefix of the parameters that make Triton read or write memory that another process registered: never allowed."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """Outside facts of a ModelInferRequest, and its one encoding."""

    model_name: str = ""
    message_id: str = ""
    wire: bytes = b""
    """The request as it goes upstream and into the record."""


@dataclass(frozen=True, slots=True)
class PeekedStreamResponse:
    """Outside facts of a ModelStreamInferResponse."""

    error_message: str = ""
    message_id: str = ""
    is_final: bool = False
    """Whether the response carries triton_final_response = true."""


class NoMessage(ValueError):
    """The bytes are no message that may be sent on; the text says why."""

    model_name = ""
    """The model that was asked for, where the bytes could be read so far."""


def peek(message: bytes, allowed: Collection[str] = ()) -> Peeked:
    """What a ModelInferRequest asks, and its canonical bytes.

    allowed: names of request parameters that the operator lets through, beside REQUEST_PARAMETERS. Raises NoMessage for
    bytes that are no such message, for fields this protocol does not have, and for what must not reach the server.
    """
    request = _parsed(service_pb2.ModelInferRequest, message)
    try:
        _check(request, allowed)
    except NoMessage as error:
        error.model_name = request.model_name[:NAME_CHARS_MAX]
        raise
    return Peeked(request.model_name, request.id, bytes(request.SerializeToString()))


def peek_question(method: str, message: bytes) -> Peeked:
    """The model that a ModelReady or ModelMetadata request asks about; no name for questions about the server.

    Raises NoMessage for bytes that are no such request.
    """
    if method not in ("ModelReady", "ModelMetadata"):
        return Peeked()
    question = _parsed(getattr(service_pb2, f"{method}Request"), message)
    if len(question.name) > NAME_CHARS_MAX:
        raise NoMessage(f"the model's name has {len(question.name)} characters; at most {NAME_CHARS_MAX}")
    return Peeked(question.name, "", bytes(question.SerializeToString()))


def peek_stream_response(message: bytes) -> PeekedStreamResponse:
    """Error, id and finality of a streamed response. Raises NoMessage for bytes that are none."""
    try:
        response = service_pb2.ModelStreamInferResponse.FromString(message)
    except DecodeError as error:
        raise NoMessage(f"{len(message)} bytes are no ModelStreamInferResponse: {error}") from error
    inner = response.infer_response
    final = "triton_final_response" in inner.parameters and inner.parameters["triton_final_response"].bool_param
    return PeekedStreamResponse(response.error_message, inner.id, bool(final))


def _parsed(kind: Any, message: bytes) -> Any:
    """The message as protobuf understands it. Raises NoMessage where a part of it would not be understood."""
    try:
        found = kind.FromString(message)
    except DecodeError as error:
        raise NoMessage(f"{len(message)} bytes are no {kind.DESCRIPTOR.name}: {error}") from error
    size_bytes = found.ByteSize()
    found.DiscardUnknownFields()
    unknown_bytes = size_bytes - found.ByteSize()
    if unknown_bytes:
        raise NoMessage(f"{unknown_bytes} bytes of fields that {kind.DESCRIPTOR.name} does not have; leave them out")
    return found


def _check(request: Any, allowed: Collection[str]) -> None:
    _check_names(request)
    if request.model_version:
        raise NoMessage("model_version is set; the registry decides which version serves, leave it empty")
    _check_parameters(request, allowed)


def _check_names(request: Any) -> None:
    for field, value in (("model_name", request.model_name), ("id", request.id)):
        if len(value) > NAME_CHARS_MAX:
            raise NoMessage(f"{field} has {len(value)} characters; at most {NAME_CHARS_MAX}")


def _check_parameters(request: Any, allowed: Collection[str]) -> None:
    if request.parameters:
        _only(request.parameters, {*REQUEST_PARAMETERS, *allowed}, "the request")
    for tensor in request.inputs:
        if tensor.parameters:
            _only(tensor.parameters, (), "an input")
    for tensor in request.outputs:
        if tensor.parameters:
            _only(tensor.parameters, OUTPUT_PARAMETERS, "an output")


def _only(names: Iterable[str], known: Collection[str], owner: str) -> None:
    for name in sorted(names):  # a map has no order; the first by name is the one that is told
        if name not in known or name.startswith(SHARED_MEMORY):
            raise NoMessage(
                f"parameter {cut(name)!r} of {owner} is not allowed here; allowed: {', '.join(sorted(known)) or 'none'}"
            )
