"""Whose number a message carries, read from its first four fields alone: a dead letter may be bad after them."""

from __future__ import annotations

import io

import fastavro

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

SOURCE_CHARS_MAX = 200
"""A longer source is no source: ours have below 50 characters."""


def numbers_of(payload: bytes) -> tuple[str, int, int] | None:
    """Source, boot epoch and sequence number of a framed message; None where there is no believable one."""
    try:
        found = fastavro.schemaless_reader(io.BytesIO(payload[HEADER_BYTES:]), NUMBERED, None)
    except (EOFError, ValueError, IndexError, OverflowError, UnicodeDecodeError, MemoryError):
        return None
    if not isinstance(found, dict):
        return None
    source, boot_epoch, seq = str(found["source"]), int(found["boot_epoch"]), int(found["seq"])
    is_believable = "/" in source and len(source) <= SOURCE_CHARS_MAX and seq >= 0 and boot_epoch > 0
    return (source, boot_epoch, seq) if is_believable else None
