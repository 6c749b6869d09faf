"""Encoders: for each event a function that writes its Avro body, compiled once from its schema.

fastavro wants a dictionary of each record and finds out the type of each field anew. A compiled encoder reads the fields of the
dataclass and joins their bytes:

    def encode_Reference(record):
        return join((texts[record.kind], texts[record.name], ...))

Invariant: an encoder writes what fastavro writes, to the byte, or it raises, whatever the values. What it does not take is
fastavro's to write or to refuse (`weir.events.codec`).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

Encode = Callable[[Any], bytes]

LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1
INT_MIN, INT_MAX = -(2**31), 2**31 - 1
"""Avro's long and int (specification 1.11)."""

LONGS_KEPT = 16_384
"""Numbers whose bytes are kept: sizes of texts, and the times of the calls under way, which stand in several events. About
2 MB. Arbitrary: any value from 4,096 to 65,536 would do."""

TEXTS_KEPT, KEPT_BYTES_MAX = 4_096, 100
"""Texts whose bytes are kept, and bytes of one at most: routes, tenants, models and releases under way, in about 1 MB. Arbitrary:
any number from 1,024 to 65,536, and any size above that of a digest, 73 bytes, would do."""

REPEATED = frozenset(
    {
        "source", "tenant", "protocol", "operation", "route", "model", "outcome", "error_type", "finish_reason", "release_digest",
        "kind", "name", "version", "digest", "service", "status",
    }
)  # fmt: skip
"""Fields whose values stand in many events; their bytes are looked up. What is long or stands in one call is encoded anew."""

NULL, VALUE = b"\0", b"\2"
"""Branch of a union [null, T]: the first, the second."""

END = b"\0"
"""Ends the blocks of a list or a map."""


def compiled(schema: Mapping[str, Any]) -> Encode:
    """The encoder of a record's schema. The records that it holds are described where they are first named."""
    namespace: dict[str, Any] = dict(NAMESPACE)
    return _define(schema, namespace)


def _define(schema: Mapping[str, Any], namespace: dict[str, Any]) -> Encode:
    """Compile the encoder of a record into the namespace, after those of the records inside it."""
    name = f"encode_{schema['name']}"
    parts = [_parts(field["type"], f"record.{field['name']}", namespace) for field in schema["fields"]]
    source = f"def {name}(record):\n    return join(({', '.join(parts)},))\n"
    exec(source, namespace)  # noqa: S102  # built from our own schemas, as dataclasses build their methods
    found: Encode = namespace[name]
    return found


def _parts(kind: Any, value: str, namespace: dict[str, Any]) -> str:
    """Source of the bytes of a value, one or more expressions. value: source of the value."""
    if kind == "string" and value.rpartition(".")[2] in REPEATED:
        return f"texts[{value}]"
    if kind == "string":
        return f"longs[len(text := {value}.encode())], text"
    if isinstance(kind, list):
        return f"{NULL!r} if {value} is None else optional_{kind[1]}({value})"
    if isinstance(kind, str):
        return f"encode_{kind}({value})" if f"encode_{kind}" in namespace else PLAIN[kind].format(value=value)
    if kind["type"] == "map":
        return f"texts_by_name({value})"
    if kind["type"] == "record":
        _define(kind, namespace)
        return f"encode_{kind['name']}({value})"
    if isinstance(kind["items"], str):
        return f"list_of_{kind['items']}({value})"
    _define(kind["items"], namespace)
    return f"list_of_records({value}, encode_{kind['items']['name']})"


def zigzag(number: int) -> bytes:
    """Avro's variable-length encoding of a long, -2**63 to 2**63 - 1: its sign last, seven bits a byte, the lowest first."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


PLAIN: Mapping[str, str] = {
    "int": "longs[{value}]",
    "long": "longs[{value}]",
    "double": "double({value})",
    "float": "float32({value})",
    "boolean": "b'\\1' if {value} else b'\\0'",
    "bytes": "longs[len({value})], {value}",
}
"""Avro type -> source of a value's bytes."""


class _Longs(dict[int, bytes]):
    """The bytes of numbers that were met, some thousands of them."""

    def __missing__(self, value: int) -> bytes:
        if not LONG_MIN <= value <= LONG_MAX:
            raise OverflowError(f"{value} is no 64-bit number")
        if len(self) >= LONGS_KEPT:
            self.clear()
        self[value] = found = zigzag(value)
        return found


LONGS = _Longs()


def _text(value: str) -> bytes:
    text = value.encode()
    return LONGS[len(text)] + text


class _Texts(dict[str, bytes]):
    """The bytes of short texts that were met, some thousands of them."""

    def __missing__(self, value: str) -> bytes:
        found = _text(value)
        if len(found) <= KEPT_BYTES_MAX:
            if len(self) >= TEXTS_KEPT:
                self.clear()
            self[value] = found
        return found


TEXTS = _Texts()


def _list_of_string(values: Sequence[str]) -> bytes:
    return _blocks(values, map(_text, values))


def _list_of_float(values: Sequence[float]) -> bytes:
    return _blocks(values, [struct.pack(f"<{len(values)}f", *values)])


def _list_of_records(records: Sequence[object], encode: Encode) -> bytes:
    return _blocks(records, map(encode, records))


def _texts_by_name(texts: Mapping[str, str]) -> bytes:
    return _blocks(texts, [TEXTS[name] + TEXTS[text] for name, text in texts.items()] if len(texts) else ())


def _blocks(values: Sequence[object] | Mapping[str, str], encoded: Iterable[bytes]) -> bytes:
    """One block of all values, where there are some, and the end."""
    return b"".join((LONGS[len(values)], *encoded, END)) if len(values) else END


def _optional(kind: type, write: Encode) -> Encode:
    """The encoder of what a union [null, T] holds, but for null: of the very type."""

    def encode(value: Any) -> bytes:
        if type(value) is not kind:
            raise TypeError(f"{type(value).__name__} in a union with {kind.__name__}")
        return VALUE + write(value)

    return encode


def _int(value: int) -> bytes:
    if not INT_MIN <= value <= INT_MAX:
        raise OverflowError(f"{value} is no 32-bit number")
    return LONGS[value]


NAMESPACE: Mapping[str, Any] = {
    "join": b"".join,
    "longs": LONGS,
    "texts": TEXTS,
    "double": struct.Struct("<d").pack,
    "float32": struct.Struct("<f").pack,
    "texts_by_name": _texts_by_name,
    "list_of_string": _list_of_string,
    "list_of_float": _list_of_float,
    "list_of_records": _list_of_records,
    "optional_int": _optional(int, _int),
    "optional_long": _optional(int, LONGS.__getitem__),
    "optional_double": _optional(float, struct.Struct("<d").pack),
    "optional_boolean": _optional(bool, lambda value: b"\1" if value else b"\0"),
    "optional_bytes": _optional(bytes, lambda value: LONGS[len(value)] + value),
}
"""What the compiled source names."""
