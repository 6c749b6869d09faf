"""Header blocks (HPACK, RFC 7541): read through a memo, written without a table.

Law: the memo changes nothing but the time. A block whose reading changes the peer's table is never remembered, and what was
remembered is forgotten with it; so a remembered block means what it meant.

Clients send the same block for each call of a kind (gRPC's own: after the first one, all of it is indexed). A remembered
block costs 0.2 us, a new one of ten headers 30 us in `hpack`. What the other hop of Weir sends is new with each call and
literal: such a block is read here, in 4 us.

What we write is literal, without a name index and without Huffman coding, so that a part of a block is a constant.
"""

from __future__ import annotations

from typing import Any

from hpack import Decoder
from hpack.exceptions import HPACKError, OversizedHeaderListError
from hpack.table import HeaderTable

from weir.runtime.http2.faults import ConnectionFault, ErrorCode
from weir.runtime.http2.limits import LIST_BYTES_FACTOR

Field = tuple[bytes, bytes]
"""Name and value of a header."""

REMEMBERED_MAX = 256
"""Blocks that are remembered. Arbitrary; any value from 16 to 4,096 would do: a client has a few kinds of calls."""

REMEMBERED_BYTES_MAX = 4_096
"""Longest block that is remembered, bytes."""

ENTRY_BYTES = 32
"""Bytes that count for each header beside its own (RFC 9113, section 6.5.2)."""

SIZE_UPDATE_MASK, SIZE_UPDATE = 0xE0, 0x20
"""A block that begins with these bits changes the size of the table (RFC 7541, section 6.3)."""

EMPTY_TABLE = b"\x20"
"""A change of the table's size to 0: what a peer must hear that wants a table smaller than the usual one."""

SHORT_MAX = 127
"""Shortest length that does not fit into the seven bits of its first byte."""

STATIC: tuple[Field, ...] = ((b"", b""), *HeaderTable.STATIC_TABLE)
"""Fields that have an index from the start, counted from 1 (RFC 7541, appendix A)."""

INDEXED, LITERAL_NAMES = 0x80, (0x00, 0x10)
"""First byte of a field that is an index, and those of a literal that changes no table and has its name with it."""


class HeaderList:
    """The headers of one block, and what the layer above understood of them."""

    __slots__ = ("content_bytes", "fields", "is_request", "meaning", "size_bytes")

    def __init__(self, fields: tuple[Field, ...]) -> None:
        self.fields = fields
        self.is_request = False
        """Whether these were found to be the headers of a request, `content_bytes` long where that is not None."""
        self.content_bytes: int | None = None
        self.size_bytes = sum(len(name) + len(value) + ENTRY_BYTES for name, value in fields)
        self.meaning: Any = None
        """Of whoever reads these fields; kept with a remembered block."""


class BlockReader:
    """Reads the header blocks of one peer, in order."""

    def __init__(self, header_bytes_max: int) -> None:
        """header_bytes_max: of the headers of a message that are taken; of larger ones nothing is remembered."""
        self._header_bytes_max = header_bytes_max
        self._list_bytes_max = LIST_BYTES_FACTOR * header_bytes_max
        self._decoder = Decoder(max_header_list_size=self._list_bytes_max)
        self._remembered: dict[bytes, HeaderList] = {}
        self._has_table_changed = False
        table = self._decoder.header_table
        add = table.add

        def noting_add(name: bytes, value: bytes) -> None:
            self._has_table_changed = True
            add(name, value)

        table.add = noting_add  # type: ignore[method-assign]  # hpack tells nobody that its table changes

    def read(self, block: bytes) -> HeaderList:
        """The headers in a block. Raises ConnectionFault: after a block that cannot be read no other can."""
        found = self._remembered.get(block)
        return self._decoded(block) if found is None else found

    def _by_hpack(self, block: bytes) -> tuple[Field, ...]:
        return tuple((bytes(name), bytes(value)) for name, value in self._decoder.decode(block, raw=True))

    def _decoded(self, block: bytes) -> HeaderList:
        self._has_table_changed = bool(block) and block[0] & SIZE_UPDATE_MASK == SIZE_UPDATE
        try:
            headers = HeaderList(_plain(block) or self._by_hpack(block))
            if headers.size_bytes > self._list_bytes_max:
                raise OversizedHeaderListError(f"{headers.size_bytes} bytes")
        except OversizedHeaderListError as error:
            raise ConnectionFault(
                ErrorCode.ENHANCE_YOUR_CALM, f"headers of over {self._list_bytes_max:,} bytes"
            ) from error
        except (HPACKError, IndexError, ValueError) as error:
            raise ConnectionFault(ErrorCode.COMPRESSION_ERROR, f"a header block cannot be read: {error}") from error
        if self._has_table_changed:
            self._remembered.clear()
        elif len(block) <= REMEMBERED_BYTES_MAX and headers.size_bytes <= self._header_bytes_max:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[block] = headers
        return headers


def _plain(block: bytes) -> tuple[Field, ...]:
    """The fields of a block that needs no table and no Huffman code; none for another, or one that cannot be read."""
    fields: list[Field] = []
    at, size = 0, len(block)
    while at < size:
        first = block[at]
        at += 1
        if first > INDEXED and first - INDEXED < len(STATIC):
            fields.append(STATIC[first - INDEXED])
            continue
        if first not in LITERAL_NAMES:
            return ()
        name, at = _plain_text(block, at)
        value, at = _plain_text(block, at)
        if at > size:
            return ()
        fields.append((name, value))
    return tuple(fields)


def _plain_text(block: bytes, at: int) -> tuple[bytes, int]:
    """A text that is not coded and has up to 16,510 bytes, and where the next thing is: beyond the block for another text."""
    beyond = len(block) + 1
    length = block[at] if at < len(block) else beyond
    at += 1
    if length == SHORT_MAX and at + 1 < len(block):
        length += block[at] & 127
        if block[at] >= 128:
            at += 1
            length += block[at] << 7
            if block[at] >= 128:
                return b"", beyond
        at += 1
    elif length >= SHORT_MAX:
        return b"", beyond
    return block[at : at + length], at + length


def literal(name: bytes, value: bytes) -> bytes:
    """A header as bytes of a block: literal, not indexed (RFC 7541, section 6.2.2)."""
    if len(name) < SHORT_MAX and len(value) < SHORT_MAX:
        return b"\0%c%b%c%b" % (len(name), name, len(value), value)
    return b"\0" + _text(name) + _text(value)


def _text(text: bytes) -> bytes:
    """A text with its length before it (RFC 7541, sections 5.1 and 5.2)."""
    size = len(text)
    if size < SHORT_MAX:
        return bytes((size,)) + text
    size -= SHORT_MAX
    head = bytearray((SHORT_MAX,))
    while size >= 128:
        head.append(size & 127 | 128)
        size >>= 7
    head.append(size)
    return bytes(head) + text
