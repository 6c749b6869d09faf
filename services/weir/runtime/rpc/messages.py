"""Length-prefixed messages of gRPC (PROTOCOL-HTTP2.md): bytes of a body as messages, and messages as bytes.

Law: any cut of the body into pieces gives the same messages. A message is bounded before it is kept, also one that is
compressed: what it says of its own size is believed, what comes out is counted.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

PREFIX = struct.Struct(">BL")
"""Whether it is compressed, and its bytes: before each message."""

PREFIX_BYTES = PREFIX.size

GZIP_BITS = 16 + zlib.MAX_WBITS
"""What zlib calls gzip's format."""

WINDOW_BITS = {b"gzip": GZIP_BITS, b"deflate": zlib.MAX_WBITS}
"""Encodings that are understood beside identity."""


class BadMessage(Exception):
    """A body that holds no message, or one that is too large. `code` is the gRPC status for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = 8, 12, 13
"""gRPC status codes of messages that are not taken."""


class Packed(bytes):
    """A message that is still compressed: it is unpacked when somebody reads it, so that what waits is as large as it came."""

    __slots__ = ()


class MessageReader:
    """Cuts a body into messages."""

    __slots__ = ("_bytes_max", "_encoding", "_parts", "missing_bytes", "partial_bytes")

    def __init__(self, bytes_max: int, encoding: bytes = b"identity") -> None:
        """bytes_max: largest message. encoding: of compressed ones, as the headers name it."""
        self._bytes_max = bytes_max
        self._encoding = encoding
        self._parts: list[bytes] = []
        self.partial_bytes = 0
        """Bytes kept of a message that is not whole."""
        self.missing_bytes = PREFIX_BYTES
        """Bytes until the next message, or at least until its size is known."""

    def read(self, data: bytes) -> Iterator[bytes]:
        """The messages that are whole with these bytes, compressed ones as Packed. Raises BadMessage."""
        if self.partial_bytes:
            if len(data) < self.missing_bytes:
                self._keep(data)
                return
            data = b"".join((*self._parts, data))
            self._parts.clear()
            self.partial_bytes = 0
        at, size = 0, len(data)
        while size - at >= PREFIX_BYTES:
            flag, length = PREFIX.unpack_from(data, at)
            if length > self._bytes_max:
                raise BadMessage(
                    RESOURCE_EXHAUSTED, f"Received message larger than max ({length} vs. {self._bytes_max})"
                )
            end = at + PREFIX_BYTES + length
            if end > size:
                self.missing_bytes = end - size
                self._parts, self.partial_bytes = [data[at:]], size - at
                return
            if flag > 1:
                raise BadMessage(INTERNAL, f"a message's first byte is {flag}; expected 0 or 1")
            yield Packed(data[at + PREFIX_BYTES : end]) if flag else data[at + PREFIX_BYTES : end]
            at = end
        self.missing_bytes = PREFIX_BYTES - (size - at)
        self._parts, self.partial_bytes = ([data[at:]], size - at) if at < size else ([], 0)

    def _keep(self, data: bytes) -> None:
        self._parts.append(data)
        self.partial_bytes += len(data)
        self.missing_bytes -= len(data)

    def unpacked(self, message: bytes) -> bytes:
        """A message as it was before it was compressed. Raises BadMessage."""
        if not isinstance(message, Packed):
            return message
        bits = WINDOW_BITS.get(self._encoding)
        if bits is None:
            raise BadMessage(INTERNAL, "a message is compressed, and its call names no grpc-encoding")
        reader = zlib.decompressobj(bits)
        try:
            found = reader.decompress(message, self._bytes_max + 1)
        except zlib.error as error:
            raise BadMessage(INTERNAL, f"a message is no {self._encoding.decode()}: {error}") from error
        if len(found) > self._bytes_max:
            text = f"Received message larger than max ({len(found)} vs. {self._bytes_max}) once it was decompressed"
            raise BadMessage(RESOURCE_EXHAUSTED, text)
        if not reader.eof or reader.unused_data:
            raise BadMessage(INTERNAL, f"a message is no whole {self._encoding.decode()} alone")
        return found


def framed(message: bytes, bytes_max: int) -> bytes:
    """A message with its prefix, not compressed. Raises BadMessage for one of more bytes than that."""
    if len(message) > bytes_max:
        raise BadMessage(RESOURCE_EXHAUSTED, f"Sent message larger than max ({len(message)} vs. {bytes_max})")
    return PREFIX.pack(0, len(message)) + message
