"""Frames: payloads in a file, each behind its length and a checksum, and how they are found again after damage.

A frame is `length` and `crc32` (four bytes each, little-endian) and then the payload: the length of a JSON head, the head, and
bytes that it says the sizes of. The head of every record begins with the mark of its segment.

Invariant: bytes that were damaged cost the records they belong to and no other.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

HEAD = struct.Struct("<II")
"""Length of the payload and its CRC-32, before each payload."""

SIZES = struct.Struct("<I")
"""Length of the JSON head, before it."""

RECORD_BYTES_MAX = 16_777_216
"""Longest believable payload; a longer one means the segment is corrupt from there on. Chosen: 8 x capture limit."""

RECORD_BYTES_MIN = SIZES.size + 2
"""Shortest believable payload: the length of a JSON head and the shortest one."""

KINDS_BEFORE_MARKS = ("requested", "completed", "feedback", "gap")
"""Kinds of records that segments of before marks hold, written by the gateway alone."""


def framed(head: bytes, blobs: tuple[bytes, ...] = ()) -> bytes:
    """A record's bytes: its frame, its JSON head, and the bytes that the head says the sizes of. Never raises."""
    payload = b"".join((SIZES.pack(len(head)), head, *blobs))
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def anchor_of(mark: str) -> re.Pattern[bytes]:
    """The bytes that every record of a segment has behind its frame, and by which reading finds its way after damage.

    mark: the segment's, random, so that no caller can put records into its texts; empty for segments of before marks.
    """
    kinds = "|".join(KINDS_BEFORE_MARKS)
    return re.compile((f'{{"mark":"{mark}","kind":' if mark else f'{{"kind":"(?:{kinds})","source":').encode())


BEFORE_MARKS = anchor_of("")
"""Of segments that were written before marks."""

ANCHOR_BYTES_MAX = 64
"""An anchor is shorter than this."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at a position of a segment: a good payload, or bytes that are none."""

    payload: bytes | None
    start: int
    end: int


def scan(
    segment: bytes, start: int, *, anchor: re.Pattern[bytes] = BEFORE_MARKS, is_whole: bool = True
) -> Iterator[Found]:
    """Payloads of a segment from byte `start` on, stopping before a record that is not all there.

    A stretch that is no good record is given with payload None, and ends where the next record begins, whatever its
    length says. anchor: of the segment's mark. is_whole: whether `segment` reaches the end of what is written.
    """
    position = start
    while position < len(segment):
        state, end = _look(segment, position)
        if state == "good":
            yield Found(segment[position + HEAD.size : end], position, end)
        elif state == "cut":
            # Also what a wrong length looks like; then a good record stands behind it.
            end = _next(segment, position + 1, anchor, is_good=True) if is_whole else -1
        else:
            following = _next(segment, position + 1, anchor, is_good=False)
            end = following if following >= 0 else end
        if end < 0:
            return
        if state != "good":
            yield Found(None, position, end)
        position = end


def is_believable(length: int) -> bool:
    """Whether a payload can have so many bytes. None has no bytes: a stretch of zeros is no row of records."""
    return RECORD_BYTES_MIN <= length <= RECORD_BYTES_MAX


def _look(segment: bytes, position: int) -> tuple[Literal["good", "wrong", "cut"], int]:
    """What stands at `position`, and where it ends by its own word; -1 when that cannot be believed."""
    if position + HEAD.size > len(segment):
        return "cut", -1
    length, checksum = HEAD.unpack_from(segment, position)
    end = position + HEAD.size + length
    if not is_believable(length):
        return "wrong", -1
    if end > len(segment):
        return "cut", -1
    return ("good" if zlib.crc32(memoryview(segment)[position + HEAD.size : end]) == checksum else "wrong"), end


def _next(segment: bytes, position: int, anchor: re.Pattern[bytes], *, is_good: bool) -> int:
    """Where the next record begins, from `position` on; -1 for nowhere. is_good: whether it must be whole and right."""
    for found in anchor.finditer(segment, position + HEAD.size + SIZES.size):
        begin = found.start() - SIZES.size - HEAD.size
        if not is_good or _look(segment, begin)[0] == "good":
            return begin
    return -1
