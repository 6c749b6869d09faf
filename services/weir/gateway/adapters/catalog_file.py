"""A snapshot of the catalog on disk, so that the gateway starts and serves while Kafka is down."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from weir.gateway.core.catalog import Catalog, Version


def save_catalog(path: Path, catalog: Catalog) -> None:
    """Write the catalog atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "revision": catalog.revision,
        "versions": [asdict(version) for version in catalog.versions.values()],
        "aliases": [[*key, version] for key, version in catalog.aliases.items()],
    }
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(document))
    partial.replace(path)


def load_catalog(path: Path) -> Catalog:
    """The catalog last saved; an empty one when there is none."""
    if not path.exists():
        return Catalog()
    document = json.loads(path.read_text())
    versions = [Version(**fields) for fields in document["versions"]]
    return Catalog(
        versions={(version.kind, version.name, version.version): version for version in versions},
        aliases={(kind, name, alias): version for kind, name, alias, version in document["aliases"]},
        revision=document["revision"],
    )
