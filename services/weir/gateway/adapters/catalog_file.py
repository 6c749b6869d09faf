"""A snapshot of the catalog on disk, so that the gateway starts and serves while Kafka is down."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from weir.assets.shapes import record
from weir.events import ChangeOrder
from weir.gateway.core.catalog import Catalog, Key, Version
from weir.runtime.files.durable import private_folder, replace_file
from weir.runtime.files.state_file import read_state


def catalog_content(catalog: Catalog) -> bytes:
    """The catalog as its file holds it."""
    document = {
        "revision": catalog.revision,
        "versions": [_version_record(version) for version in catalog.versions.values()],
        "aliases": [[*key, version] for key, version in catalog.aliases.items()],
        "version_orders": [[*key, *order] for key, order in catalog.version_orders.items()],
        "alias_orders": [[*key, *order] for key, order in catalog.alias_orders.items()],
    }
    return json.dumps(document).encode()


def save_catalog(path: Path, content: bytes) -> None:
    """Write `catalog_content`, whole or not at all; waits for the disk. Raises OSError."""
    private_folder(path.parent)
    replace_file(path, content)


def load_catalog(path: Path) -> Catalog:
    """The catalog last saved; one that is not read yet when there is none, or none that can be used: the log tells it again."""
    return read_state(path, _catalog_from, Catalog(is_read=False))


def _catalog_from(content: bytes) -> Catalog:
    document = json.loads(content)
    versions = [_version_from(fields) for fields in document["versions"]]
    return Catalog(
        versions={(version.kind, version.name, version.version): version for version in versions},
        aliases={(kind, name, alias): version for kind, name, alias, version in document["aliases"]},
        revision=document["revision"],
        version_orders=_orders(document, "version_orders"),
        alias_orders=_orders(document, "alias_orders"),
    )


def _version_record(version: Version) -> dict[str, Any]:
    spec = {} if isinstance(version.asset, str) else record(version.asset)
    return {
        "kind": version.kind,
        "name": version.name,
        "version": version.version,
        "digest": version.digest,
        "spec": spec,
    }


def _version_from(fields: Mapping[str, Any]) -> Version:
    spec = json.dumps(fields["spec"])
    return Version.restored(fields["kind"], fields["name"], fields["version"], fields["digest"], spec)


def _orders(document: Mapping[str, Any], name: str) -> dict[Key, ChangeOrder]:
    """Orders of a snapshot; none in one from before orders were kept, which the log then fills in."""
    return {(kind, asset, label): (database, number) for kind, asset, label, database, number in document.get(name, [])}
