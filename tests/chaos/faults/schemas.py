"""Producers of three builds write one topic: an older schema, today's, and a newer one; each reader reads all three."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import replace
from typing import Any

import fastavro
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError

from chaos.arena import Arena, arena
from harness.accounts.ledger import Row
from harness.kafka.load import TOPIC
from harness.stack.running_stack import RunningStack
from weir.events import SCHEMA_JSON, InvalidEvent, decode_body, frame

SUBJECT = f"{TOPIC}-value"
EVENT = "InferenceCompleted"


def evolved(stack: RunningStack, events: int) -> Row:
    """Old and new producers, the sink and the decoder of today; an incompatible schema is refused when registered."""
    today = json.loads(SCHEMA_JSON[EVENT])
    schemas = {"older": _older(today), "today's": today, "newer": _newer(today)}
    with (
        SchemaRegistryClient(stack.schema_client) as registry,
        arena(stack, "schemas") as field,
    ):
        ids = {name: _registered(registry, schema) for name, schema in schemas.items()}
        unread = Counter[str]()
        for _ in range(events // len(ids)):
            for name, schema in schemas.items():
                unread[name] += _send(field, ids[name], schema)
        row = field.row("old and new producers", len(ids))
        problems = [f"{count} events of the {name} schema not read" for name, count in unread.items() if count]
        problems += [] if _is_refused(registry, _incompatible(today)) else ["an incompatible schema was registered"]
        return replace(row, note="an incompatible schema was refused", problem="; ".join(problems))


def _send(field: Arena, schema_id: int, schema: dict[str, Any]) -> int:
    """Send one event written with a schema; 1 when today's decoder cannot read it."""
    bodies: list[bytes] = []
    parsed: Any = fastavro.parse_schema(schema)

    def encoded(record: dict[str, Any]) -> bytes:
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, parsed, record)
        bodies.append(buffer.getvalue())
        return frame(schema_id, buffer.getvalue())

    field.load.send(1, encoded)
    try:
        decode_body(EVENT, bodies[0], parsed)
    except InvalidEvent:
        return 1
    return 0


def _older(schema: dict[str, Any]) -> dict[str, Any]:
    """Today's schema before its last field that has a default."""
    last = next(field["name"] for field in reversed(schema["fields"]) if "default" in field)
    return {**schema, "fields": [field for field in schema["fields"] if field["name"] != last]}


def _newer(schema: dict[str, Any]) -> dict[str, Any]:
    """Today's schema with one more field, with a default."""
    field = {"name": "of_a_later_build", "type": "string", "default": "", "doc": "Known to a later build only."}
    return {**schema, "fields": [*schema["fields"], field]}


def _incompatible(schema: dict[str, Any]) -> dict[str, Any]:
    """A field without a default: events of yesterday cannot be read with it."""
    field = {"name": "required_from_now_on", "type": "string", "doc": "Has no default."}
    return {**schema, "fields": [*schema["fields"], field]}


def _registered(registry: SchemaRegistryClient, schema: dict[str, Any]) -> int:
    return int(registry.register_schema(SUBJECT, Schema(json.dumps(schema), "AVRO")))


def _is_refused(registry: SchemaRegistryClient, schema: dict[str, Any]) -> bool:
    try:
        _registered(registry, schema)
    except SchemaRegistryError as error:
        return bool(error.http_status_code == 409)
    return False
