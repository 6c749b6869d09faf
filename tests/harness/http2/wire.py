"""Frames of HTTP/2 as a test reads and writes them, apart from the code under test."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hpack import Encoder

from weir.runtime.http2 import frames
from weir.runtime.http2.connection import Connection

Fields = list[tuple[bytes, bytes]]

PRIORITY_BYTES = 5
"""Of a HEADERS frame that has a priority (RFC 9113, section 6.2)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    flags: int
    stream_id: int
    payload: bytes

    @property
    def is_end(self) -> bool:
        """Whether it ends its stream."""
        return self.kind in (frames.DATA, frames.HEADERS) and bool(self.flags & frames.END_STREAM)

    @property
    def number(self) -> int:
        """The last four bytes of a payload: an error code, or an increment."""
        return int.from_bytes(self.payload[-4:])


def frames_in(wire: bytes) -> Iterator[Frame]:
    """The frames that these bytes are, without a preface. Raises AssertionError for bytes left over."""
    at = len(frames.PREFACE) if wire.startswith(frames.PREFACE) else 0
    while at < len(wire):
        size = int.from_bytes(wire[at : at + 3])
        end = at + 9 + size
        assert end <= len(wire), f"a frame of {size} bytes is cut"
        yield Frame(wire[at + 3], wire[at + 4], int.from_bytes(wire[at + 5 : at + 9]), wire[at + 9 : end])
        at = end


def written(end: Connection) -> bytes:
    """What an end writes now: all of it, with what moves up meanwhile."""
    taken = b""
    while end.outlet.frames:
        taken += end.outlet.take()
        end.outlet.pump()
    return taken


def frames_of_kind(wire: bytes, *kinds: int) -> list[Frame]:
    """The frames of these kinds, in order."""
    return [one for one in frames_in(wire) if one.kind in kinds]


def headers(
    stream_id: int, block: bytes, *, is_end: bool = False, pieces: int = 1, padding: int | None = None, parent: int | None = None
) -> bytes:  # fmt: skip
    """A header block as HEADERS and so many pieces less one of CONTINUATION.

    padding: bytes of it on the first frame; None for no such field. parent: a priority that names this stream.
    """
    step = max(1, -(-len(block) // pieces))
    parts = [block[at : at + step] for at in range(0, len(block), step)] or [b""]
    flags, first = (frames.END_STREAM if is_end else 0), parts[0]
    if parent is not None:
        flags, first = flags | frames.HAS_PRIORITY, parent.to_bytes(PRIORITY_BYTES - 1) + b"\x10" + first
    if padding is not None:
        flags, first = flags | frames.PADDED, bytes([padding]) + first + bytes(padding)
    wires = [frames.frame(frames.HEADERS, flags | (frames.END_HEADERS if len(parts) == 1 else 0), stream_id, first)]
    for number, part in enumerate(parts[1:], start=2):
        wires.append(
            frames.frame(frames.CONTINUATION, frames.END_HEADERS if number == len(parts) else 0, stream_id, part)
        )
    return b"".join(wires)


def data(stream_id: int, content: bytes, *, is_end: bool = False, padding: int | None = None) -> bytes:
    """A DATA frame."""
    flags = frames.END_STREAM if is_end else 0
    if padding is not None:
        flags, content = flags | frames.PADDED, bytes([padding]) + content + bytes(padding)
    return frames.frame(frames.DATA, flags, stream_id, content)


def encoded(fields: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A header block that leaves the table as it is (never indexed), by hpack's encoder."""
    return Encoder().encode([(name, value, True) for name, value in fields])


def request_fields(path: bytes = b"/x", *more: tuple[bytes, bytes]) -> Fields:
    """Headers of a request."""
    return [(b":method", b"POST"), (b":scheme", b"http"), (b":path", path), (b":authority", b"a"), *more]
