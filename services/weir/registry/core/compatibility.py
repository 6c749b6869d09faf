"""Compatibility: whether data written with one Avro schema can be read with another, by Avro's resolution rules.

The rules are those of the Apache `avro` library. FULL, the default, asks both ways, so producers and consumers may be
upgraded in either order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import avro.schema
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType

LEVELS = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
"""Compatibility levels, as the Confluent API names them."""

DEFAULT_LEVEL = "FULL"


@dataclass(frozen=True, slots=True)
class Stored:
    """A registered version of a subject."""

    version: int
    text: str


def cannot_read(reader_text: str, writer_text: str) -> tuple[str, ...]:
    """Why data of the writer's schema cannot be read with the reader's; empty when it can. Both must be valid."""
    reader, writer = avro.schema.parse(reader_text), avro.schema.parse(writer_text)
    checker = ReaderWriterCompatibilityChecker()  # type: ignore[no-untyped-call]  # the library left __init__ untyped
    result = checker.get_compatibility(reader, writer)
    if result.compatibility is SchemaCompatibilityType.compatible:
        return ()
    kinds = sorted({str(one.value) for one in result.incompatibilities})
    where, what = ", ".join(sorted(result.locations)), ", ".join(sorted(result.messages))
    return (f"{', '.join(kinds)} at {where}: {what}",)


def incompatibilities(new_text: str, stored: Sequence[Stored], level: str) -> tuple[str, ...]:
    """Why a schema may not follow the stored versions of its subject at a level; empty when it may.

    stored: oldest first. Levels that are not transitive look at the newest version only.
    """
    compared = stored if level.endswith("_TRANSITIVE") else stored[-1:]
    return tuple(message for old in compared for message in _against(new_text, old, level))


def _against(new_text: str, old: Stored, level: str) -> Iterator[str]:
    if level.startswith(("BACKWARD", "FULL")):
        for message in cannot_read(new_text, old.text):
            yield f"the new schema cannot read data of version {old.version} (backward): {message}"
    if level.startswith(("FORWARD", "FULL")):
        for message in cannot_read(old.text, new_text):
            yield f"version {old.version} cannot read data of the new schema (forward): {message}"
