"""A look at the outside of an Open Inference Protocol message: its model name and id, without decoding the rest.

Protobuf fields are read one after the other and skipped by their length; tensors are never touched. Cost: about 2 us.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, LENGTH_DELIMITED, FIXED32 = 0, 1, 2, 5
"""Wire types of the protobuf encoding that a message can hold."""

FIELDS_MAX = 4_096
"""Top-level fields looked at; a longer message is answered with what was found. Chosen."""

NAME_BYTES_MAX = 1_024
"""Longest model name or id believed. Chosen: names have at most 128 characters."""


@dataclass(frozen=True, slots=True)
class Peeked:
    """Outside facts of a ModelInferRequest or ModelInferResponse; both number these fields alike."""

    model_name: str = ""
    message_id: str = ""


@dataclass(frozen=True, slots=True)
class PeekedStreamResponse:
    """Outside facts of a ModelStreamInferResponse."""

    error_message: str = ""
    message_id: str = ""
    is_final: bool = False
    """Whether the response carries triton_final_response = true."""


class NoMessage(ValueError):
    """The bytes are no protobuf message."""


def peek(message: bytes) -> Peeked:
    """Model name (field 1) and id (field 3). Raises NoMessage for bytes that are no message."""
    name = message_id = ""
    for number, start, end in _fields(message):
        if number == 1:
            name = _text(message, start, end)
        elif number == 3:
            message_id = _text(message, start, end)
        elif number > 3:
            break
    return Peeked(name, message_id)


def peek_stream_response(message: bytes) -> PeekedStreamResponse:
    """Error (field 1), and id and finality of the inner response (field 2). Raises NoMessage."""
    error, message_id, is_final = "", "", False
    for number, start, end in _fields(message):
        if number == 1:
            error = _text(message, start, end, limit=65_536)
        elif number == 2:
            inner = message[start:end]
            message_id, is_final = _response_id(inner), _is_final(inner)
    return PeekedStreamResponse(error, message_id, is_final)


def _response_id(message: bytes) -> str:
    return next((_text(message, start, end) for number, start, end in _fields(message) if number == 3), "")


def _is_final(message: bytes) -> bool:
    """Whether parameters (field 4, a map) hold triton_final_response -> bool_param (field 1) true."""
    for number, start, end in _fields(message):
        if number == 4:
            entry = message[start:end]
            parts = {key: entry[low:high] for key, low, high in _fields(entry)}
            if parts.get(1) == b"triton_final_response":
                return any(key == 1 and low < high and parts[2][low] for key, low, high in _fields(parts.get(2, b"")))
    return False


def _fields(message: bytes) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of each top-level field's content."""
    place = 0
    for _ in range(FIELDS_MAX):
        if place >= len(message):
            return
        tag, place = _varint(message, place)
        start, end = _extent(message, place, tag & 7)
        if end > len(message) or tag >> 3 == 0:
            raise NoMessage(f"field {tag >> 3} at byte {place} runs past the end of {len(message)} bytes")
        yield tag >> 3, start, end
        place = end


def _extent(message: bytes, place: int, wire_type: int) -> tuple[int, int]:
    if wire_type == LENGTH_DELIMITED:
        length, start = _varint(message, place)
        return start, start + length
    if wire_type == VARINT:
        _, end = _varint(message, place)
        return place, end
    if wire_type in (FIXED64, FIXED32):
        return place, place + (8 if wire_type == FIXED64 else 4)
    raise NoMessage(f"wire type {wire_type} at byte {place}; expected 0, 1, 2 or 5")


def _varint(message: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while place < len(message) and shift < 70:
        byte = message[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if not byte & 0x80:
            return value, place
        shift += 7
    raise NoMessage(f"a number is cut at byte {place}")


def _text(message: bytes, start: int, end: int, limit: int = NAME_BYTES_MAX) -> str:
    return message[start : min(end, start + limit)].decode("utf-8", "replace")
