"""Schema ids: registers this build's schemas and finds the schema of an id, with a cache on disk.

The invariant: whatever an id names, `schema_of` ends with a schema that is safe to read with, with InvalidEvent, or, where
the registry cannot be asked, with Retryable.

The registry is asked once per id. Ids already on disk need no registry, so a producer starts while it is down.
Subjects follow the topic name strategy: `<topic>-value`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from confluent_kafka.schema_registry import AsyncSchemaRegistryClient, Schema
from confluent_kafka.schema_registry.error import SchemaRegistryError

from weir.events import SCHEMA_JSON, TOPICS, InvalidEvent, digest_of, writer_schema
from weir.runtime.clock import monotonic_s
from weir.runtime.errors import Retryable
from weir.runtime.files.durable import private_folder, replace_file
from weir.runtime.files.state_file import read_state
from weir.runtime.telemetry.logs import logger

NOT_FOUND = 404
"""HTTP status of an id or subject the registry does not know."""

ID_MAX = 2**31 - 1
"""Largest id that a registry gives: an int of Java, and of the registry's database. A larger one is not asked for."""

UNKNOWN_ID_TTL_S = 30.0
"""Seconds an unknown id is remembered as unknown, so that a flood of bad messages is not a flood of requests. A schema
that is registered meanwhile is found so much later: any value from 5 to 60 would do."""

CACHE_KEYS = {name: f"{name}-value {digest_of(SCHEMA_JSON[topic.event])}" for name, topic in TOPICS.items()}
"""Topic -> subject and digest of the schema that this build writes: what the cache knows an id by. Computed once; a digest
takes 25 us, and the key is asked for with every message."""

UNKNOWN_IDS_MAX = 1_000
"""Unknown ids remembered at a time, some 100 kB. Arbitrary: any value from 100 to 100,000 would do."""


class SchemaCatalog:
    """Schema ids of this build's events, and parsed schemas of the ids met in messages."""

    def __init__(self, registry_url: str, cache_file: Path, token: str = "") -> None:
        """registry_url: base URL of a Confluent-compatible registry. cache_file: JSON file, made when missing.

        token: sent as the password of Basic when given; our registry asks for it beyond loopback and for new schemas.
        """
        credentials = {"basic.auth.user.info": f"weir:{token}"} if token else {}
        self._client = AsyncSchemaRegistryClient({"url": registry_url, **credentials})
        self._url = registry_url
        self._cache_file = cache_file
        self._ids, self._texts = _load_cache(cache_file)
        self._parsed: dict[int, tuple[str, Any] | InvalidEvent] = {}
        self._unknown_until_s: dict[int, float] = {}

    async def id_for(self, topic: str) -> int:
        """Schema id under which this build writes `topic`. Registers the schema on first use.

        Raises Retryable when the registry cannot be reached and the id is not in the cache.
        """
        key = CACHE_KEYS[topic]
        if key not in self._ids:
            text = SCHEMA_JSON[TOPICS[topic].event]
            self._ids[key] = await self._register(f"{topic}-value", text)
            self._texts[self._ids[key]] = text
            _save_cache(self._cache_file, self._ids, self._texts)
        return self._ids[key]

    async def schema_of(self, schema_id: int) -> tuple[str, Any]:
        """Event name and parsed writer schema of an id.

        Raises InvalidEvent("unknown_schema") for an id the registry does not know or that names no usable record,
        Retryable when it cannot be asked.
        """
        if schema_id not in self._parsed:
            self._parsed[schema_id] = _parse(schema_id, await self._text_of(schema_id))
        found = self._parsed[schema_id]
        if isinstance(found, InvalidEvent):
            raise InvalidEvent(found.reason, found.detail)
        return found

    async def close(self) -> None:
        """Close the connection to the registry; the catalog is not used after it."""
        await self._client.aclose()

    async def _text_of(self, schema_id: int) -> str:
        if schema_id in self._texts:
            return self._texts[schema_id]
        if schema_id > ID_MAX or self._unknown_until_s.get(schema_id, 0.0) > monotonic_s():
            raise _unknown(schema_id, self._url)
        try:
            found = await self._client.get_schema(schema_id)
        except SchemaRegistryError as error:
            if error.http_status_code != NOT_FOUND:
                raise Retryable(f"schema registry {self._url} answered {error} for schema id {schema_id}") from error
            self._remember_unknown(schema_id)
            raise _unknown(schema_id, self._url) from error
        except Exception as error:  # the client raises its HTTP library's own errors when it is down
            raise Retryable(f"schema registry {self._url} cannot be reached: {error!r}") from error
        self._texts[schema_id] = (found.schema_str or "") if found.schema_type in (None, "AVRO") else ""
        _save_cache(self._cache_file, self._ids, self._texts)
        return self._texts[schema_id]

    async def _register(self, subject: str, text: str) -> int:
        try:
            return int(await self._client.register_schema(subject, Schema(text, "AVRO")))
        except Exception as error:  # the client raises its HTTP library's own errors when it is down
            raise Retryable(f"schema registry {self._url} did not register {subject}: {error!r}") from error

    def _remember_unknown(self, schema_id: int) -> None:
        if len(self._unknown_until_s) >= UNKNOWN_IDS_MAX:
            self._unknown_until_s.clear()
        self._unknown_until_s[schema_id] = monotonic_s() + UNKNOWN_ID_TTL_S


def _parse(schema_id: int, text: str) -> tuple[str, Any] | InvalidEvent:
    try:
        return writer_schema(text)
    except InvalidEvent as error:
        return InvalidEvent(error.reason, f"schema id {schema_id}: {error.detail}")


def _unknown(schema_id: int, url: str) -> InvalidEvent:
    return InvalidEvent("unknown_schema", f"schema id {schema_id} is not in the registry {url}")


def _load_cache(path: Path) -> tuple[dict[str, int], dict[int, str]]:
    nothing: tuple[dict[str, int], dict[int, str]] = ({}, {})
    return read_state(path, _cache_from, nothing)


def _cache_from(content: bytes) -> tuple[dict[str, int], dict[int, str]]:
    cached = json.loads(content)
    ids = {str(key): int(number) for key, number in cached["ids"].items()}
    return ids, {int(number): str(text) for number, text in cached["schemas"].items()}


def _save_cache(path: Path, ids: Mapping[str, int], texts: Mapping[int, str]) -> None:
    try:
        private_folder(path.parent)
        replace_file(path, json.dumps({"ids": ids, "schemas": texts}).encode())
    except OSError as error:  # a full disk costs a start without the registry, never an event
        logger().error("schema_ids_not_saved", path=str(path), error=str(error), hint="free some space")
