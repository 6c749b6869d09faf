"""Stored: the rows that the registry keeps and shows, as values."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from weir.events import RegistryChange


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One immutable version, without its body. created_us: microseconds since 1970-01-01 UTC."""

    kind: str
    name: str
    version: str
    digest: str
    author: str
    created_us: int
    revision: int

    def as_record(self) -> dict[str, Any]:
        """This value as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class AliasRow:
    """Where an alias points."""

    kind: str
    name: str
    alias: str
    version: str


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One line of the history. time_us: microseconds since 1970-01-01 UTC."""

    revision: int
    change: RegistryChange
    kind: str
    name: str
    version: str
    digest: str
    alias: str
    previous_digest: str
    author: str
    time_us: int

    def as_record(self) -> dict[str, Any]:
        """This value as plain data."""
        return asdict(self)
