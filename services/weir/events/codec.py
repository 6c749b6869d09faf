"""Bytes and events: Avro bodies inside Confluent framing.

The invariant: whatever the bytes, a decoder ends in bounded time and memory with an event whose every value Avro, JSON,
`datetime` and the store can carry, or with InvalidEvent, whose text holds no byte of the body.

A framed message is one zero byte, the schema id as four bytes big-endian, then the Avro body (Confluent wire format).
Pure given the schemas: who maps a schema id to a schema is `weir.runtime.kafka.schemas`.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import fastavro

from weir.events._generated import EVENT_TYPES, Event
from weir.events.checks import Check, readable, storable
from weir.events.encoder import Encode, compiled
from weir.events.errors import InvalidEvent
from weir.events.schema_texts import SCHEMA_JSON

MAGIC = 0
"""First byte of a framed message, specified by the Confluent wire format."""

HEADER_BYTES = 5
"""Magic byte and four bytes of schema id, specified by the Confluent wire format."""

PARSED: Mapping[str, Any] = {name: fastavro.parse_schema(json.loads(text)) for name, text in SCHEMA_JSON.items()}
"""Schemas as fastavro uses them, by event name. Parsed once: parsing costs about a millisecond each."""

ENCODERS: Mapping[str, Encode] = {name: compiled(json.loads(text)) for name, text in SCHEMA_JSON.items()}
"""By event name. Measured: 3 to 5 us an event, an eighth of what fastavro and the dictionary it wants take."""

STORABLE: Mapping[str, Check] = {name: storable(json.loads(text)) for name, text in SCHEMA_JSON.items()}
READABLE: Mapping[str, Check] = {name: readable(json.loads(text)) for name, text in SCHEMA_JSON.items()}
READABLE_EVENT: Mapping[str, Check] = {
    name: readable(json.loads(text), attrgetter) for name, text in SCHEMA_JSON.items()
}
"""What is checked of decoded records, and of events before they are written, by event name. Measured: 1 to 3 us a record, a
twentieth of its decoding; 7 us for a change of the registry, whose specification is parsed."""

ERROR_CHARS_MAX = 200
"""Characters of a library's own words that are repeated. Chosen: they may quote a schema, never a value."""


def encode_body(event: Event) -> bytes:
    """Avro body of an event under its own schema. A value of a wrong type is fastavro's to write or to refuse, which raises
    errors of many kinds.
    """
    try:
        return ENCODERS[event.EVENT](event)
    except Exception:  # noqa: BLE001  # whatever the encoder says of a value, fastavro judges it
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, PARSED[event.EVENT], event.as_record())
        return buffer.getvalue()


def encode_checked(event: Event) -> bytes:
    """The same, of an event that every reader will take. Raises InvalidEvent("undecodable") for another."""
    body = encode_body(event)
    READABLE_EVENT[event.EVENT](event)
    return body


def decode_body(event_name: str, body: bytes, writer_schema: dict[str, Any] | None = None) -> Event:
    """The event in an Avro body, read with the schema it was written with.

    event_name: the event the reader expects, one of EVENT_TYPES. writer_schema: parsed schema of the writer, from
    `weir.events.writer_schema`; the reader's own when None. Raises InvalidEvent("undecodable") for a body that is
    truncated, too long, of another shape, or that holds a value out of its range (`weir.events.checks`).
    """
    record = _record(event_name, body, writer_schema)
    READABLE[event_name](record)
    return EVENT_TYPES[event_name].from_record(record)


def check_body(event_name: str, body: bytes, writer_schema: dict[str, Any] | None = None) -> int:
    """The event time of a body that the store can hold, microseconds: `decode_body` that asks less and makes no event.

    Raises InvalidEvent("undecodable").
    """
    record = _record(event_name, body, writer_schema)
    STORABLE[event_name](record)
    return int(record["event_time_us"])


def _record(event_name: str, body: bytes, writer_schema: dict[str, Any] | None) -> dict[str, Any]:
    reader = PARSED[event_name]
    stream = io.BytesIO(body)
    try:
        record: Any = fastavro.schemaless_reader(stream, writer_schema or reader, reader)
    except Exception as error:  # noqa: BLE001  # fastavro raises many kinds; each means the same here
        said = f"body of {len(body)} bytes is no {event_name}: {_words(error)}"
        raise InvalidEvent("undecodable", said) from None
    if stream.tell() != len(body):
        rest = len(body) - stream.tell()
        raise InvalidEvent("undecodable", f"{rest} of {len(body)} bytes are left after {event_name}; expected none")
    if not isinstance(record, dict):
        raise InvalidEvent("undecodable", f"the body holds a {type(record).__name__}; expected the record {event_name}")
    return record


def _words(error: Exception) -> str:
    """What the library says, without the bytes: the error of a bad text carries the whole text."""
    if isinstance(error, UnicodeDecodeError):
        return f"a text is no UTF-8 at its byte {error.start}: {error.reason}"
    return f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]


def frame(schema_id: int, body: bytes) -> bytes:
    """A body in Confluent framing. schema_id: 0 to 2**32 - 1, as the registry gave it."""
    return struct.pack(">bI", MAGIC, schema_id) + body


def unframe(message: bytes | None) -> tuple[int, bytes]:
    """Schema id and body of a framed message.

    Raises InvalidEvent("null_payload") for a tombstone, InvalidEvent("bad_magic") for anything not framed.
    """
    if message is None:
        raise InvalidEvent("null_payload", "the message has no value; expected a framed Avro event")
    if len(message) < HEADER_BYTES or message[0] != MAGIC:
        head = message[:HEADER_BYTES].hex()
        raise InvalidEvent("bad_magic", f"message starts with {head!r}; expected a zero byte and a 4-byte schema id")
    return struct.unpack(">I", message[1:HEADER_BYTES])[0], message[HEADER_BYTES:]
