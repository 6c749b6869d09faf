"""Inventory: what is stored, as far as a decision needs it: digests of versions, and where aliases point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

AssetKey = tuple[str, str]
"""Kind and name of an asset."""


@dataclass(frozen=True, slots=True)
class StoredAsset:
    """Versions of one asset (label to digest, oldest first) and its aliases (alias to version label)."""

    versions: Mapping[str, str] = field(default_factory=dict)
    aliases: Mapping[str, str] = field(default_factory=dict)

    def find(self, selector: str) -> str | None:
        """The version that a version label or an alias names; None for neither."""
        return selector if selector in self.versions else self.aliases.get(selector)


@dataclass(frozen=True, slots=True)
class Inventory:
    """Assets by kind and name."""

    assets: Mapping[AssetKey, StoredAsset] = field(default_factory=dict)

    def asset(self, kind: str, name: str) -> StoredAsset:
        """The asset, without versions when it is not stored."""
        return self.assets.get((kind, name), StoredAsset())

    def known(self, kind: str, name: str) -> str:
        """What there is of an asset, for a message."""
        asset = self.asset(kind, name)
        if not asset.versions:
            return f"there is no {kind} {name!r}"
        aliases = ", ".join(sorted(asset.aliases)) or "none"
        return f"versions of {kind} {name!r}: {', '.join(asset.versions)}; aliases: {aliases}"
