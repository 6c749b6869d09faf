"""Avro object containers built from bodies that stay encoded (Avro 1.11 specification, "Object Container Files").

The events on Kafka are Avro bodies already; a container is a header, one block of them and a marker. ClickHouse reads it
as `FORMAT Avro`, so the sink decodes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

MAGIC = b"Obj\x01"
"""First bytes of a container, specified."""

SYNC = bytes(range(16))
"""Marker between blocks. Specified as any 16 bytes; random ones matter only to readers that seek into a file."""


def container(schema_json: str, bodies: Sequence[bytes]) -> bytes:
    """A container with one block. schema_json: the writer's schema of every body."""
    data = b"".join(bodies)
    return b"".join((header(schema_json), zigzag(len(bodies)), zigzag(len(data)), data, SYNC))


def header(schema_json: str) -> bytes:
    """Magic, metadata and marker."""
    schema = schema_json.encode()
    entries = (b"avro.schema", schema), (b"avro.codec", b"null")
    metadata = b"".join(zigzag(len(key)) + key + zigzag(len(value)) + value for key, value in entries)
    return MAGIC + zigzag(len(entries)) + metadata + zigzag(0) + SYNC


def zigzag(number: int) -> bytes:
    """Avro's variable-length encoding of a long, -2**63 to 2**63 - 1."""
    rest = (number << 1) ^ (number >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append((rest & 0x7F) | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)
