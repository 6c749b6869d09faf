"""Schemas for the sink's thread: the catalog lives in the event loop, what was found is kept here."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from weir.lineage.sink.inserter import WriterSchema
from weir.runtime.kafka.schemas import SchemaCatalog


class ThreadSchemas:
    """Implements `inserter.SchemaLookup` over the asynchronous catalog."""

    def __init__(self, catalog: SchemaCatalog, loop: asyncio.AbstractEventLoop) -> None:
        self._catalog = catalog
        self._loop = loop
        self._known: dict[int, WriterSchema] = {}

    def schema_of(self, schema_id: int) -> WriterSchema:
        """The schema of an id. Raises InvalidEvent for an unknown id, Retryable when it cannot be asked."""
        if schema_id not in self._known:
            event, parsed = asyncio.run_coroutine_threadsafe(self._catalog.schema_of(schema_id), self._loop).result()
            self._known[schema_id] = WriterSchema(event, parsed, json.dumps(_plain(parsed)))
        return self._known[schema_id]


def _plain(value: Any) -> Any:
    """The schema without the marks the parser left in it."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if not key.startswith("__")}
    return [_plain(item) for item in value] if isinstance(value, list) else value
