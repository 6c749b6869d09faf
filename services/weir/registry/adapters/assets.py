"""Assets in the database: read for people, read for a decision, and written with their events in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, Select, Table, delete, func, insert, select, tuple_

from weir.assets.references import PROD
from weir.registry.adapters.tables import ALIASES, CHANGES, VERSIONS
from weir.registry.core.inventory import AssetKey, Inventory, StoredAsset
from weir.registry.core.plan import ALIAS_MOVED, CREATED, Change
from weir.registry.core.stored import AliasRow, ChangeRow, VersionRow

ROWS_MAX = 1_000
"""Rows of one listing. Arbitrary: any value from 100 to 10,000 would do; an answer says when there are more."""


def read_inventory(connection: Connection, keys: Iterable[AssetKey]) -> Inventory:
    """The inventory of these assets, versions oldest first."""
    wanted = sorted(set(keys))
    versions: dict[AssetKey, dict[str, str]] = {}
    aliases: dict[AssetKey, dict[str, str]] = {}
    columns = (VERSIONS.c.kind, VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.digest)
    chosen = select(*columns).where(tuple_(VERSIONS.c.kind, VERSIONS.c.name).in_(wanted)).order_by(VERSIONS.c.revision)
    for kind, name, version, digest in connection.execute(chosen):
        versions.setdefault((kind, name), {})[version] = digest
    named = select(ALIASES.c.kind, ALIASES.c.name, ALIASES.c.alias, ALIASES.c.version)
    named = named.where(tuple_(ALIASES.c.kind, ALIASES.c.name).in_(wanted))
    for kind, name, alias, version in connection.execute(named):
        aliases.setdefault((kind, name), {})[alias] = version
    return Inventory({key: StoredAsset(versions[key], aliases.get(key, {})) for key in versions})


def write_change(connection: Connection, change: Change, author: str, time_us: int) -> ChangeRow:
    """Store one version or alias and its line in the history; returns that line with its revision."""
    revision = 1 + int(connection.scalar(select(func.coalesce(func.max(CHANGES.c.revision), 0))) or 0)
    row = ChangeRow(
        revision=revision,
        change="version_created" if change.change == CREATED else "alias_moved",
        kind=change.kind,
        name=change.name,
        version=change.version,
        digest=change.digest,
        alias=change.alias,
        previous_digest=change.previous_digest,
        author=author,
        time_us=time_us,
    )
    connection.execute(insert(CHANGES).values(row.as_record()))
    if change.change == CREATED:
        own = {field: getattr(change, field) for field in ("kind", "name", "version", "digest", "body_json")}
        connection.execute(insert(VERSIONS).values(**own, author=author, created_us=time_us, revision=revision))
    elif change.change == ALIAS_MOVED:
        key = {"kind": change.kind, "name": change.name, "alias": change.alias}
        connection.execute(delete(ALIASES).filter_by(**key))
        connection.execute(insert(ALIASES).values(**key, version=change.version, revision=revision))
    return row


def list_versions(connection: Connection, kind: str = "", name: str = "") -> list[VersionRow]:
    """Versions, newest first, of one kind or one asset or all; at most ROWS_MAX + 1."""
    chosen = _chosen(VERSIONS, VersionRow, kind, name).order_by(VERSIONS.c.revision.desc())
    return [VersionRow(*row) for row in connection.execute(chosen)]


def read_served(connection: Connection, kind: str) -> dict[str, str]:
    """The specifications of a kind's versions at PROD, as canonical JSON, by name."""
    at = (
        (VERSIONS.c.kind == ALIASES.c.kind)
        & (VERSIONS.c.name == ALIASES.c.name)
        & (VERSIONS.c.version == ALIASES.c.version)
    )
    chosen = select(VERSIONS.c.name, VERSIONS.c.body_json).join(ALIASES, at)
    rows = connection.execute(chosen.where(ALIASES.c.kind == kind, ALIASES.c.alias == PROD))
    return {str(name): str(body_json) for name, body_json in rows}


def list_aliases(connection: Connection, kind: str = "", name: str = "") -> list[AliasRow]:
    """Aliases of one kind or one asset or all, by name; at most ROWS_MAX + 1."""
    chosen = _chosen(ALIASES, AliasRow, kind, name).order_by(ALIASES.c.kind, ALIASES.c.name, ALIASES.c.alias)
    return [AliasRow(*row) for row in connection.execute(chosen)]


def list_changes(
    connection: Connection, from_us: int, to_us: int, kind: str = "", name: str = ""
) -> Sequence[ChangeRow]:
    """Changes with from_us <= time < to_us, newest first; at most ROWS_MAX + 1."""
    chosen = _chosen(CHANGES, ChangeRow, kind, name).order_by(CHANGES.c.revision.desc())
    chosen = chosen.where(CHANGES.c.time_us >= from_us, CHANGES.c.time_us < to_us)
    return [ChangeRow(*row) for row in connection.execute(chosen)]


def read_version(connection: Connection, kind: str, name: str, version: str) -> tuple[VersionRow, str]:
    """One stored version, and the canonical JSON of its specification. Raises NoResultFound when there is none."""
    chosen = _chosen(VERSIONS, VersionRow, kind, name).add_columns(VERSIONS.c.body_json)
    *row, body_json = connection.execute(chosen.where(VERSIONS.c.version == version)).one()
    return VersionRow(*row), str(body_json)


def _chosen(table: Table, row: type[VersionRow | AliasRow | ChangeRow], kind: str, name: str) -> Select[Any]:
    """The columns of a row, of one kind or one asset or all."""
    chosen = select(*(table.c[field.name] for field in fields(row))).limit(ROWS_MAX + 1)
    asked = {column: value for column, value in (("kind", kind), ("name", name)) if value}
    return chosen.filter_by(**asked)
