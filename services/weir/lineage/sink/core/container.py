"""Avro object containers built from bodies that stay encoded (Avro 1.11 specification, "Object Container Files").

The events on Kafka are Avro bodies already; a container is a header and blocks of them, each with a marker. ClickHouse reads
it as `FORMAT Avro`, so the sink decodes nothing. The invariant: what a body makes of a row depends on that body alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from weir.events.encoder import zigzag

MAGIC = b"Obj\x01"
"""First bytes of a container, specified."""

SYNC = bytes(range(16))
"""Marker between blocks. Specified as any 16 bytes; random ones matter only to readers that seek into a file."""


MARK_FIELDS = tuple(f"weir_end_{number}" for number in range(3))
MARK = b"\x01\x00\x01"
"""Three booleans behind a body. A reader takes 0 or 1 for one and nothing else: a body that is longer than its event says so
there, in 254 of 256 first bytes. Without it the engine leaves the rest of a block unread."""


def container(schema_json: str, bodies: Sequence[bytes]) -> bytes:
    """A container with one block a body. schema_json: the writer's schema of every body.

    A block of its own keeps a body from its neighbours: in a common one, a body that ends early takes its last bytes from
    the next, which is then read from the middle. Measured: 1 us a body of 45.
    """
    parts = [header(schema_json)]
    for body in bodies:
        parts += (_one_of(len(body)), body, SYNC)
    return b"".join(parts)


@lru_cache(maxsize=256)
def marked(schema_json: str) -> str:
    """The schema of bodies that each end with MARK."""
    schema = json.loads(schema_json)
    ends = [{"name": name, "type": "boolean"} for name in MARK_FIELDS]
    return json.dumps({**schema, "fields": [*schema["fields"], *ends]})


@lru_cache(maxsize=4_096)
def _one_of(size: int) -> bytes:
    """How a block of one body of that size begins."""
    return zigzag(1) + zigzag(size)


def header(schema_json: str) -> bytes:
    """Magic, metadata and marker."""
    schema = schema_json.encode()
    entries = (b"avro.schema", schema), (b"avro.codec", b"null")
    metadata = b"".join(zigzag(len(key)) + key + zigzag(len(value)) + value for key, value in entries)
    return MAGIC + zigzag(len(entries)) + metadata + zigzag(0) + SYNC
