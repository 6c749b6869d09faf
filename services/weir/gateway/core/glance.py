"""A first look at the bytes of a large ModelInferRequest: whom it asks, before anything is built from it.

Invariant (K3): who may not ask a model has no work done for the request. A glance walks over the bytes once and builds no
object; it stops at the field that is one too many. So a message that is parsed after it holds at most FIELDS_MAX fields,
and at most NUMBERS_BYTES_MAX bytes of packed whole numbers.
Invariant (K4): of a field that came twice the last one counts, as in protobuf's parser. `peek` parses afterwards and refuses
a message that the parser reads otherwise.

Cost: 5 to 9 us for a request with one or two tensors, of any size; 2 ms for any bytes of 8 MB, a few more on a busy machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from tritonclient.grpc import service_pb2

from weir.access.refusals import NAME_CHARS_MAX

FIELDS_MAX = 4_096
"""Fields of a message, those inside its fields too. A tensor has 4 and its raw bytes 1: room for 800 tensors, where
models have some ten, or for the 1,024 texts that are read of one tensor, each a field of its own. Numbers come packed, a
list in one field. Parsing and checking so many takes 5 ms, measured."""

SMALL_BYTES = 2 * FIELDS_MAX
"""A message of so many bytes has no more fields than that, for a field has two bytes at least: it needs no glance."""

TEXT_BYTES_MAX = 4 * NAME_CHARS_MAX + 4
"""Bytes of a text that are read to see that it is too long: a character has at most four."""

NUMBER, TEXT = 0, 2
"""Wire types: a number of changing length; a size and so many bytes."""

CONTINUED = 0x80
"""Bit of a number's byte that says that one more follows."""

MODEL_NAME, MESSAGE_ID = 1, 3
"""Numbers of the two fields whose text a glance reads."""

NUMBER_BYTES_MAX = 10
"""Bytes of the longest number on the wire."""

FIXED_BYTES = {1: 8, 5: 4}
"""Wire type -> bytes of its values."""

NUMBERS_BYTES_MAX = 524_288
"""Bytes of packed whole numbers in a message (shapes; contents of integers and booleans): 170,000 token ids of three bytes,
above the longest prompts. Parsing a megabyte of them takes 24 ms, measured; raw contents take none, and have no such limit."""

Kind = Mapping[int, Any]
"""Kind of a message: number of a field -> the kind of the messages in it, or NUMBERS; other fields are texts and bytes."""

NUMBERS = None
"""What a field of packed whole numbers has instead of a kind."""

WHOLE = frozenset(
    (FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32,
     FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_BOOL)
)  # fmt: skip
"""Types of fields that are numbers of changing length on the wire."""


class NoMessage(ValueError):
    """The bytes are no message that may be sent on; the text says why."""

    model_name = ""
    """The model that was asked for, where the bytes could be read so far."""


def glance(wire: bytes) -> tuple[str, str]:
    """The last model_name and id. Raises NoMessage for bytes that are no message, or hold more than a message may."""
    walk = _Walk(wire)
    walk.over(0, len(wire), REQUEST, is_top=True)
    return _text(wire, walk.texts.get(MODEL_NAME), "model_name"), _text(wire, walk.texts.get(MESSAGE_ID), "id")


class _Walk:
    """One walk over the bytes of a message."""

    def __init__(self, wire: bytes) -> None:
        self.texts = dict[int, tuple[int, int]]()
        """Number of a field of the message itself -> where its last text begins and ends; of the first fields alone."""
        self._wire = wire
        self._fields = 0
        self._numbers_bytes = 0

    def over(self, at: int, end: int, kind: Kind, *, is_top: bool = False) -> None:
        """Walk over a message between two positions, and over the messages in it. Raises NoMessage."""
        try:
            while at < end:
                at = self._over_field(at, end, kind, is_top=is_top)
        except IndexError as error:
            raise no_message(self._wire, "they end inside a field") from error
        if at > end:
            raise no_message(self._wire, "they end inside a field")

    def _over_field(self, at: int, end: int, kind: Kind, *, is_top: bool) -> int:
        """The position after the field that begins at a position."""
        self._fields += 1
        if self._fields > FIELDS_MAX:
            raise NoMessage(f"the message has over {FIELDS_MAX:,} fields; send less, or tensors as raw contents")
        tag, at = _number(self._wire, at)
        wire_type, number = tag & 7, tag >> 3
        if wire_type == TEXT:
            size, start = _number(self._wire, at)
            at = start + size
            if number in kind and at <= end:
                self._over_inner(start, at, kind[number])
            elif is_top and number <= MESSAGE_ID:
                self.texts[number] = start, at
            return at
        if wire_type == NUMBER:
            return _number(self._wire, at)[1]
        if wire_type in FIXED_BYTES:
            return at + FIXED_BYTES[wire_type]
        raise no_message(self._wire, f"field {number} has the wire type {wire_type}, which it does not have")

    def _over_inner(self, at: int, end: int, kind: Kind | None) -> None:
        if kind is not NUMBERS:
            self.over(at, end, kind)
            return
        self._numbers_bytes += end - at
        if self._numbers_bytes > NUMBERS_BYTES_MAX:
            text = f"the message has over {NUMBERS_BYTES_MAX:,} bytes of packed whole numbers"
            raise NoMessage(f"{text}; send tensors as raw contents")


def no_message(wire: bytes, why: str) -> NoMessage:
    """What is raised for bytes that are none."""
    return NoMessage(f"{len(wire)} bytes are no ModelInferRequest: {why}")


def _number(wire: bytes, at: int) -> tuple[int, int]:
    """The number at a position, and the position after it."""
    value = wire[at]
    if value < CONTINUED:
        return value, at + 1
    value &= CONTINUED - 1
    for index in range(1, NUMBER_BYTES_MAX):
        byte = wire[at + index]
        value |= (byte & (CONTINUED - 1)) << (7 * index)
        if byte < CONTINUED:
            return value, at + index + 1
    raise no_message(wire, f"a number has over {NUMBER_BYTES_MAX} bytes")


def _text(wire: bytes, position: tuple[int, int] | None, field: str) -> str:
    start, end = position or (0, 0)
    try:
        text = wire[start : min(end, start + TEXT_BYTES_MAX)].decode(
            errors="strict" if end - start <= TEXT_BYTES_MAX else "replace"
        )
    except UnicodeDecodeError as error:
        raise no_message(wire, f"{field} is no UTF-8") from error
    if len(text) <= NAME_CHARS_MAX:
        return text
    refused = NoMessage(f"{field} has over {NAME_CHARS_MAX} characters, the most")
    refused.model_name = text[:NAME_CHARS_MAX] if field == "model_name" else ""
    raise refused


def _kind(descriptor: Descriptor) -> Kind:
    inner = {one.number: _kind(one.message_type) for one in descriptor.fields if one.message_type is not None}
    whole = {one.number: NUMBERS for one in descriptor.fields if one.is_repeated and one.cpp_type in WHOLE}
    return inner | whole


REQUEST: Kind = _kind(service_pb2.ModelInferRequest.DESCRIPTOR)
"""The kind of a ModelInferRequest."""
