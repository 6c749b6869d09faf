"""Whose number a message carries, read from its first four fields alone: a dead letter may be bad after them."""

from __future__ import annotations

import io

import fastavro

from weir.events.ranges import COUNT, EPOCH, SOURCE_CHARS_MAX

HEADER_BYTES = 5
"""Magic byte and schema id of the Confluent framing."""

NUMBERED = fastavro.parse_schema(
    {
        "type": "record",
        "name": "Numbered",
        "fields": [
            {"name": "event_id", "type": "string"},
            {"name": "source", "type": "string"},
            {"name": "boot_epoch", "type": "long"},
            {"name": "seq", "type": "long"},
        ],
    }
)
"""The fields that every event begins with."""


def numbers_of(payload: bytes) -> tuple[str, int, int] | None:
    """Source, boot epoch and sequence number of a framed message; None where there is no believable one."""
    try:
        found = fastavro.schemaless_reader(io.BytesIO(payload[HEADER_BYTES:]), NUMBERED, None)
    except (EOFError, ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError):
        return None
    if not isinstance(found, dict):
        return None
    source, boot_epoch, seq = str(found["source"]), int(found["boot_epoch"]), int(found["seq"])
    is_source = "/" in source and len(source) <= SOURCE_CHARS_MAX
    # A number that was refused as out of range counts nothing: all numbers below it would be missing for ever.
    is_numbered = COUNT.first <= seq <= COUNT.last and 0 < boot_epoch <= EPOCH.last
    return (source, boot_epoch, seq) if is_source and is_numbered else None
