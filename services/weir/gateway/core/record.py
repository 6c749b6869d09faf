"""Spool records: the facts of a call as bytes, framed with their length and a checksum.

A record is `length` and `crc32` (four bytes each, little-endian) and then the payload: a JSON head with the facts,
and the wire messages as they went over the network. Nothing is decoded to write one (about 10 us); who reads it has
everything that the event needs. The numbers in it were taken by the writer, so reading twice gives the same events.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from weir.events import Reference
from weir.gateway.core.call import Call, CallEnd, Feedback, Gap

HEAD = struct.Struct("<II")
"""Length of the payload and its CRC-32, before each payload."""

SIZES = struct.Struct("<I")
"""Length of the JSON head, before it."""

RECORD_BYTES_MAX = 16_777_216
"""Longest believable payload; a longer one means the segment is corrupt from there on. Chosen: 8 x capture limit."""

Kind = Literal["requested", "completed", "feedback", "gap"]
NUMBERS_TAKEN: dict[Kind, int] = {"requested": 1, "completed": 2, "feedback": 1, "gap": 0}
"""Sequence numbers a record uses: a completed call becomes two events, the completion and its spans; a gap tells what
became of numbers that were used before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One accepted fact with its number."""

    kind: Kind
    source: str
    boot_epoch: int
    seq: int
    call: Call | None = None
    end: CallEnd | None = None
    feedback: Feedback | None = None
    gap: Gap | None = None
    wire: bytes = b""
    """The ModelInferRequest message; empty when there was none or it was over the capture limit."""
    responses: tuple[bytes, ...] = ()
    """Response messages in order, as far as the capture limit allowed."""
    wire_bytes: int = 0
    """Size of the request message, bytes, kept or not."""
    response_bytes: int = 0
    """Size of all response messages together, bytes, kept or not."""


def pack(record: Record) -> bytes:
    """Framed bytes of a record."""
    blobs = [record.wire, *record.responses]
    head = orjson.dumps(
        {
            "kind": record.kind,
            "source": record.source,
            "boot_epoch": record.boot_epoch,
            "seq": record.seq,
            "call": record.call,
            "end": record.end,
            "feedback": record.feedback,
            "gap": record.gap,
            "sizes": [len(blob) for blob in blobs],
            "wire_bytes": record.wire_bytes,
            "response_bytes": record.response_bytes,
        }
    )
    payload = b"".join((SIZES.pack(len(head)), head, *blobs))
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def unpack(payload: bytes) -> Record:
    """The record in a payload whose checksum was right."""
    head_bytes = SIZES.unpack_from(payload)[0]
    start = SIZES.size + head_bytes
    head = orjson.loads(payload[SIZES.size : start])
    blobs = list(_split(payload, start, head["sizes"]))
    return Record(
        kind=head["kind"],
        source=head["source"],
        boot_epoch=head["boot_epoch"],
        seq=head["seq"],
        call=call_from(head["call"]),
        end=CallEnd(**head["end"]) if head["end"] else None,
        feedback=Feedback(**head["feedback"]) if head["feedback"] else None,
        gap=_gap_from(head.get("gap")),
        wire=blobs[0],
        responses=tuple(blobs[1:]),
        wire_bytes=head["wire_bytes"],
        response_bytes=head["response_bytes"],
    )


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a place of a segment: a good payload, or bytes that are none."""

    payload: bytes | None
    start: int
    end: int


def scan(segment: bytes, start: int) -> Iterator[Found]:
    """Payloads of a segment from byte `start` on, stopping before a record that is not all there.

    A record whose checksum is wrong is given with payload None; when its length cannot be believed, everything to the
    end of the segment is.
    """
    place = start
    while place + HEAD.size <= len(segment):
        length, checksum = HEAD.unpack_from(segment, place)
        end = place + HEAD.size + length
        if length > RECORD_BYTES_MAX:
            yield Found(None, place, len(segment))
            return
        if end > len(segment):
            return
        payload = segment[place + HEAD.size : end]
        yield Found(payload if zlib.crc32(payload) == checksum else None, place, end)
        place = end


def _split(payload: bytes, start: int, sizes: Sequence[int]) -> Iterator[bytes]:
    for size in sizes:
        yield payload[start : start + size]
        start += size


def _gap_from(fields: dict[str, Any] | None) -> Gap | None:
    return Gap(**{**fields, "ended": tuple(fields.get("ended", ()))}) if fields else None


def call_from(fields: dict[str, Any] | None) -> Call | None:
    """A call from its JSON; None for none."""
    if fields is None:
        return None
    references = tuple(Reference(**reference) for reference in fields.pop("references"))
    return Call(**fields, references=references)
