"""The engine's Native answer at the protocol version that a client speaks.

The embedded engine writes version 0. A client that sends `client_protocol_version` reads a block's information before each
block and, from 54454 on, a flag behind each column's type. Both are put between the engine's bytes, which stay as they
are: a column is walked over by its type, never decoded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from weir.lineage.core.sql_strings import SqlRefused

BLOCK_INFO_FROM = 1
"""First protocol version with information before a block."""

FLAG_FROM = 54_454
"""First protocol version with a flag behind a column's type. Source: ProtocolDefines.h of ClickHouse."""

BLOCK_INFO = b"\x01\x00\x02\xff\xff\xff\xff\x00"
"""Information of a block that is no overflow and in no bucket: two numbered fields and the end."""

USUAL = b"\x00"
"""The flag of a column that is serialized as usual."""

BYTES_OF = {
    **dict.fromkeys(("Int8", "UInt8", "Bool", "Enum8", "Nothing"), 1),
    **dict.fromkeys(("Int16", "UInt16", "BFloat16", "Date", "Enum16"), 2),
    **dict.fromkeys(("Int32", "UInt32", "Float32", "Date32", "DateTime", "Decimal32", "IPv4", "Time"), 4),
    **dict.fromkeys(("Int64", "UInt64", "Float64", "DateTime64", "Decimal64", "Time64"), 8),
    **dict.fromkeys(("Int128", "UInt128", "Decimal128", "UUID", "IPv6"), 16),
    **dict.fromkeys(("Int256", "UInt256", "Decimal256"), 32),
}
"""Bytes of one value of each type of a fixed size."""

DECIMAL_BYTES = ((9, 4), (18, 8), (38, 16), (76, 32))
"""Digits of a Decimal, at most, and the bytes of one."""

ELEMENT_NAME = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|\\.)*`) +(?=[A-Z])")
"""The name before an element's type in a Tuple."""

QUOTED_OR_MARK = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`|[(),]", re.DOTALL)
"""A string or a quoted name within a type, whole, or what divides a type outside of them."""

LOW_CARDINALITY_INDEX = 0xFF
"""Bits of a dictionary's head that say how wide its indexes are."""


class NotWalked(SqlRefused):
    """A column of a type that is not walked over."""

    code = 48
    """NOT_IMPLEMENTED."""


def at_version(native: bytes, version: int) -> bytes:
    """The blocks of an answer at a protocol version, 0 for as they are. Raises NotWalked."""
    if version < BLOCK_INFO_FROM:
        return native
    walk, pieces = _Walk(native), []
    while walk.place < len(native):
        pieces += [BLOCK_INFO, *_block(walk, USUAL if version >= FLAG_FROM else b"")]
    return b"".join(pieces)


def empty_block(columns: Sequence[tuple[str, str]]) -> bytes:
    """A block of columns, each a name and a type, without a row: what the engine writes nothing for.

    As the engine writes it at version 0: a DateTime does not say its zone.
    """
    heads = [
        _text(name) + _text("DateTime" if type_name.startswith("DateTime(") else type_name)
        for name, type_name in columns
    ]
    return _number(len(columns)) + _number(0) + b"".join(heads)


def _block(walk: _Walk, flag: bytes) -> list[bytes]:
    begin = walk.place
    columns, rows = walk.number(), walk.number()
    pieces = []
    for _ in range(columns):
        walk.skip(walk.number())
        type_name = walk.text()
        pieces += [walk.since(begin), flag]
        begin = walk.place
        if rows:
            walk.head(type_name)
            walk.column(type_name, rows)
    return [*pieces, walk.since(begin)]


class _Walk:
    """A place in an answer that moves over it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.place = 0

    def since(self, begin: int) -> bytes:
        return self._data[begin : self.place]

    def skip(self, count: int) -> None:
        self.place += count
        if self.place > len(self._data):
            raise NotWalked("the engine's answer ends within a column; ask for another format")

    def fixed(self, count: int = 8) -> int:
        self.skip(count)
        return int.from_bytes(self._data[self.place - count : self.place], "little")

    def number(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def text(self) -> str:
        size = self.number()
        self.skip(size)
        return self._data[self.place - size : self.place].decode()

    def head(self, type_name: str) -> None:
        """What stands once before a column's values: the version of each dictionary in it."""
        name, inner = _parts(type_name)
        if name == "LowCardinality":
            self.skip(8)
        elif name in ("Nullable", "Array", "Map", "Tuple", "Nested", "SimpleAggregateFunction"):
            for one in inner[1:] if name == "SimpleAggregateFunction" else inner:
                self.head(one)

    def column(self, type_name: str, rows: int) -> None:
        """Over the values of a column."""
        name, inner = _parts(type_name)
        size = _size(name, inner)
        if size is not None:
            self.skip(size * rows)
        elif name == "String":
            for _ in range(rows):
                self.skip(self.number())
        elif name == "Nullable":
            self.skip(rows)
            self.column(inner[0], rows)
        elif name in ("Array", "Map", "Nested"):
            self._lists(inner, rows)
        elif name == "Tuple":
            for one in inner:
                self.column(one, rows)
        elif name == "LowCardinality":
            self._dictionary(inner[0], rows)
        elif name == "SimpleAggregateFunction":
            self.column(inner[1], rows)
        else:
            raise NotWalked(f"a column of type {type_name[:100]!r} is not served to this client; choose toString(...)")

    def _lists(self, inner: Sequence[str], rows: int) -> None:
        self.skip(8 * (rows - 1) if rows else 0)
        items = self.fixed() if rows else 0
        for one in inner:
            self.column(one, items)

    def _dictionary(self, of: str, rows: int) -> None:
        if not rows:
            return
        name, inner = _parts(of)
        width = 1 << (self.fixed() & LOW_CARDINALITY_INDEX)
        self.column(inner[0] if name == "Nullable" else of, self.fixed())
        self.skip(width * self.fixed())


def _parts(type_name: str) -> tuple[str, list[str]]:
    """Name of a type, and what stands in its brackets; without the names of a tuple's elements."""
    name, bracket, rest = type_name.partition("(")
    if not bracket:
        return name, []
    found, depth, begin = [], 0, 0
    for mark in QUOTED_OR_MARK.finditer(rest):
        depth += (mark[0] == "(") - (mark[0] == ")")
        if depth < 0 or (mark[0] == "," and not depth):
            found.append(rest[begin : mark.start()].strip())
            begin = mark.end()
    return name, [ELEMENT_NAME.sub("", one, count=1) if name in ("Tuple", "Nested") else one for one in found if one]


def _size(name: str, inner: Sequence[str]) -> int | None:
    if name == "FixedString":
        return int(inner[0])
    if name == "Decimal":
        return next(size for digits, size in DECIMAL_BYTES if int(inner[0]) <= digits)
    if name == "Tuple" and not inner:
        return 1
    return 8 if name.startswith("Interval") else BYTES_OF.get(name)


def _number(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _text(text: str) -> bytes:
    return _number(len(text.encode())) + text.encode()
