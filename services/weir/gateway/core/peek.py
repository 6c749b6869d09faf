"""A look at the outside of an Open Inference Protocol message: which model it asks, under which id, with which options.

Invariant (K4): what is authorised is what is recorded and what is forwarded. A request is parsed once, by protobuf's own
parser; what that parser understood is checked and encoded anew, and only this encoding goes on. So a repeated field, an
overlong number or another order of fields has no second meaning; a field that protobuf does not know is refused. What
comes later and needs the message (the route's policy, another id) has it from here, parsed.
Invariant (K3): whom a request asks is known before work is done for it. A message that may hold many fields is looked at
by `glance` first, and parsed after its caller was found to have the right (`outline`, then `checked`).

Cost: 5 us for a request of 2 kB, 12 us for 20 kB, 2.6 ms for 8 MB; 1.2 us for a streamed response. No tensor is decoded.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from tritonclient.grpc import service_pb2

from weir.access.refusals import NAME_CHARS_MAX, cut
from weir.gateway.core.glance import SMALL_BYTES, NoMessage, glance

__all__ = (
    "NoMessage", "Outline", "Peeked", "PeekedStreamResponse", "checked", "outline", "peek_question", "peek_stream_response",
)  # fmt: skip

REQUEST_PARAMETERS = frozenset({"triton_enable_empty_final_response"})
"""Parameters of a request that every caller may set: stock clients ask for the end of a stream with this one. Others
(`priority`, `timeout`, `sequence_id`, ...) steer the server or reach the model unseen; the operator may allow them."""

OUTPUT_PARAMETERS = frozenset({"classification"})
"""Parameters of a requested output: stock clients ask for the top classes with this one."""

QUESTION_BYTES_MAX = 4_096
"""Bytes of a question about a model: its name and version have 2 KiB at most, in letters of four bytes."""

SHARED_MEMORY = "shared_memory_"
"""Prefix of the parameters that make Triton read or write memory that another process registered: never allowed."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """A message that was checked: its outside facts, and its one encoding."""

    model_name: str = ""
    message_id: str = ""
    wire: bytes = b""
    """The request as it goes upstream and into the record."""
    request: Any = None
    """The ModelInferRequest as it was parsed; who changes it encodes it anew."""

    def with_id(self, message_id: str) -> bytes:
        """The request under another id: two requests of one stream must not share one upstream."""
        self.request.id = message_id
        return bytes(self.request.SerializeToString())


@dataclass(frozen=True, slots=True)
class PeekedStreamResponse:
    """Outside facts of a ModelStreamInferResponse."""

    error_message: str
    message_id: str
    is_final: bool
    """Whether the response carries triton_final_response = true."""
    message: Any
    """The ModelStreamInferResponse as it was parsed."""
    size_bytes: int
    """Of the whole message."""

    @property
    def response(self) -> Any:
        """The ModelInferResponse in it."""
        return self.message.infer_response

    def with_id(self, message_id: str) -> bytes:
        """The message under another id, its client's."""
        self.response.id = message_id
        return bytes(self.message.SerializeToString())


@dataclass(frozen=True, slots=True)
class Outline:
    """Whom a request asks, before it is checked."""

    model_name: str
    message_id: str
    message: bytes
    request: Any = None
    """The message as it was parsed; None for a large one, which is not parsed yet."""


def outline(message: bytes) -> Outline:
    """Whom a ModelInferRequest asks. Raises NoMessage for bytes that are none, or hold more than a message may."""
    if len(message) > SMALL_BYTES:
        return Outline(*glance(message), message)
    request = _parsed(service_pb2.ModelInferRequest, message)
    _check_names(request)
    return Outline(request.model_name, request.id, message, request)


def checked(outline: Outline, allowed: Collection[str] = ()) -> Peeked:
    """What the request asks, and its canonical bytes.

    allowed: names of request parameters that the operator lets through, beside REQUEST_PARAMETERS. Raises NoMessage for
    bytes that are no such message, for fields this protocol does not have, and for what must not reach the server.
    """
    try:
        request = outline.request
        if request is None:
            request = _parsed(service_pb2.ModelInferRequest, outline.message)
        if (request.model_name, request.id) != (outline.model_name, outline.message_id):
            raise NoMessage("its model_name or id has two meanings; send each once, as plain protobuf")
        wire = _without_unknown(request)
        _check(request, allowed)
    except NoMessage as error:
        error.model_name = outline.model_name[:NAME_CHARS_MAX]
        raise
    return Peeked(outline.model_name, outline.message_id, wire, request)


def peek_question(method: str, message: bytes) -> Peeked:
    """The model that a ModelReady or ModelMetadata request asks about; no name for questions about the server.

    Raises NoMessage for bytes that are no such request.
    """
    if method not in ("ModelReady", "ModelMetadata"):
        return Peeked()
    if len(message) > QUESTION_BYTES_MAX:
        raise NoMessage(f"the question has {len(message)} bytes; at most {QUESTION_BYTES_MAX} are taken")
    question = _parsed(getattr(service_pb2, f"{method}Request"), message)
    wire = _without_unknown(question)
    if len(question.name) > NAME_CHARS_MAX:
        raise NoMessage(f"the model's name has {len(question.name)} characters; at most {NAME_CHARS_MAX}")
    return Peeked(question.name, "", wire)


def peek_stream_response(wire: bytes) -> PeekedStreamResponse:
    """Error, id and finality of a streamed response. Raises NoMessage for bytes that are none."""
    message = _parsed(service_pb2.ModelStreamInferResponse, wire)
    inner = message.infer_response
    final = "triton_final_response" in inner.parameters and inner.parameters["triton_final_response"].bool_param
    return PeekedStreamResponse(message.error_message, inner.id, bool(final), message, len(wire))


def _parsed(kind: Any, message: bytes) -> Any:
    """The message as protobuf understands it. Raises NoMessage for bytes that are none."""
    try:
        return kind.FromString(message)
    except DecodeError as error:
        raise NoMessage(f"{len(message)} bytes are no {kind.DESCRIPTOR.name}: {error}") from error


def _without_unknown(found: Any) -> bytes:
    """The one encoding of a message. Raises NoMessage where a part of it was not understood."""
    size_bytes = found.ByteSize()
    found.DiscardUnknownFields()
    wire = bytes(found.SerializeToString())
    if len(wire) != size_bytes:
        text = f"{size_bytes - len(wire)} bytes of fields that {found.DESCRIPTOR.name} does not have; leave them out"
        raise NoMessage(text)
    return wire


def _check(request: Any, allowed: Collection[str]) -> None:
    if request.model_version:
        raise NoMessage("model_version is set; the registry decides which version serves, leave it empty")
    _check_parameters(request, allowed)


def _check_names(request: Any) -> None:
    for field, value in (("model_name", request.model_name), ("id", request.id)):
        if len(value) > NAME_CHARS_MAX:
            error = NoMessage(f"{field} has {len(value)} characters; at most {NAME_CHARS_MAX}")
            error.model_name = request.model_name[:NAME_CHARS_MAX]
            raise error


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
    for name in sorted(names):  # a map has no order; the first by name is the one in the message
        if name not in known or name.startswith(SHARED_MEMORY):
            raise NoMessage(
                f"parameter {cut(name)!r} of {owner} is not allowed here; allowed: {', '.join(sorted(known)) or 'none'}"
            )
