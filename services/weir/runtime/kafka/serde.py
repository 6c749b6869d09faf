"""Framed messages and events, with the checks that every consumer makes before it believes a message."""

from __future__ import annotations

from weir.events import TOPICS, Event, InvalidEvent, decode_body, encode_body, frame, unframe
from weir.runtime.kafka.schemas import SchemaCatalog


class Serde:
    """Encodes events for their topic and decodes what a topic holds."""

    def __init__(self, catalog: SchemaCatalog, message_bytes_max: int) -> None:
        """message_bytes_max: largest value decoded, bytes; a larger one is invalid."""
        self._catalog = catalog
        self._message_bytes_max = message_bytes_max

    async def close(self) -> None:
        """Close the catalog's connection to the registry."""
        await self._catalog.close()

    async def encode(self, topic: str, event: Event) -> bytes:
        """Framed bytes of an event for its topic. Raises Retryable when no schema id can be had."""
        return frame(await self._catalog.id_for(topic), encode_body(event))

    async def head(self, topic: str) -> bytes:
        """What stands before each body of `topic` in its message. Raises Retryable when no schema id can be had."""
        return frame(await self._catalog.id_for(topic), b"")

    async def decode(self, topic: str, message: bytes | None) -> Event:
        """The event of a message of `topic`, read with its writer's schema.

        Raises InvalidEvent for anything that can never be read, Retryable when the registry cannot be asked.
        """
        if message is not None and len(message) > self._message_bytes_max:
            limit = self._message_bytes_max
            raise InvalidEvent("oversized", f"value has {len(message)} bytes; at most {limit} are decoded")
        schema_id, body = unframe(message)
        name, writer = await self._catalog.schema_of(schema_id)
        expected = TOPICS[topic].event
        if name != expected:
            raise InvalidEvent(
                "wrong_event", f"topic {topic!r} holds schema id {schema_id} ({name}); expected {expected}"
            )
        return decode_body(expected, body, writer)
