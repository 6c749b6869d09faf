"""Assets in the database: read for people, read for a decision, and written with their events in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, func, insert, select, tuple_

from weir.registry.adapters.tables import ALIASES, CHANGES, VERSIONS
from weir.registry.core.catalog import Asset, AssetKey, Catalog
from weir.registry.core.plan import ALIAS_MOVED, CREATED, Change
from weir.registry.core.stored import AliasRow, ChangeRow, VersionRow

ROWS_MAX = 1_000
"""Rows of one listing. Arbitrary: any value from 100 to 10,000 would do; an answer says when there are more."""


def read_catalog(connection: Connection, keys: Iterable[AssetKey]) -> Catalog:
    """The catalog of these assets, versions oldest first."""
    wanted = sorted(set(keys))
    versions: dict[AssetKey, dict[str, str]] = {}
    aliases: dict[AssetKey, dict[str, str]] = {}
    columns = (VERSIONS.c.kind, VERSIONS.c.name, VERSIONS.c.version, VERSIONS.c.digest)
    chosen = select(*columns).where(tuple_(VERSIONS.c.kind, VERSIONS.c.name).in_(wanted)).order_by(VERSIONS.c.revision)
    for kind, name, version, digest in connection.execute(chosen):
        versions.setdefault((kind, name), {})[version] = digest
    named = select(ALIASES.c.kind, ALIASES.c.name, ALIASES.c.alias, ALIASES.c.version)
    for kind, name, alias, version in connection.execute(
        named.where(tuple_(ALIASES.c.kind, ALIASES.c.name).in_(wanted))
    ):
        aliases.setdefault((kind, name), {})[alias] = version
    return Catalog({key: Asset(versions[key], aliases.get(key, {})) for key in versions})


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
        _write_version(connection, change, row)
    elif change.change == ALIAS_MOVED:
        _write_alias(connection, change, row)
    return row


def list_versions(connection: Connection, kind: str = "", name: str = "") -> list[VersionRow]:
    """Versions, newest first, of one kind or one asset or all; at most ROWS_MAX + 1."""
    chosen = select(*(VERSIONS.c[field] for field in VersionRow.FIELDS))
    if kind:
        chosen = chosen.where(VERSIONS.c.kind == kind)
    if name:
        chosen = chosen.where(VERSIONS.c.name == name)
    rows = connection.execute(chosen.order_by(VERSIONS.c.revision.desc()).limit(ROWS_MAX + 1))
    return [VersionRow(*row) for row in rows]


def list_aliases(connection: Connection, kind: str = "", name: str = "") -> list[AliasRow]:
    """Aliases of one kind or one asset or all, by name; at most ROWS_MAX + 1."""
    chosen = select(ALIASES.c.kind, ALIASES.c.name, ALIASES.c.alias, ALIASES.c.version)
    if kind:
        chosen = chosen.where(ALIASES.c.kind == kind)
    if name:
        chosen = chosen.where(ALIASES.c.name == name)
    rows = connection.execute(chosen.order_by(ALIASES.c.kind, ALIASES.c.name, ALIASES.c.alias).limit(ROWS_MAX + 1))
    return [AliasRow(*row) for row in rows]


def list_changes(
    connection: Connection, from_us: int, to_us: int, kind: str = "", name: str = ""
) -> Sequence[ChangeRow]:
    """Changes with from_us <= time < to_us, newest first; at most ROWS_MAX + 1."""
    chosen = select(*(CHANGES.c[field] for field in ChangeRow.__dataclass_fields__))
    chosen = chosen.where(CHANGES.c.time_us >= from_us, CHANGES.c.time_us < to_us)
    if kind:
        chosen = chosen.where(CHANGES.c.kind == kind)
    if name:
        chosen = chosen.where(CHANGES.c.name == name)
    rows = connection.execute(chosen.order_by(CHANGES.c.revision.desc()).limit(ROWS_MAX + 1))
    return [ChangeRow(*row) for row in rows]


def version_row(connection: Connection, kind: str, name: str, version: str) -> VersionRow:
    """One stored version. Raises NoResultFound when there is none."""
    where = (VERSIONS.c.kind == kind, VERSIONS.c.name == name, VERSIONS.c.version == version)
    return VersionRow(
        *connection.execute(select(*(VERSIONS.c[field] for field in VersionRow.FIELDS)).where(*where)).one()
    )


def body_of(connection: Connection, kind: str, name: str, version: str) -> str | None:
    """Canonical JSON of a version's specification; None when there is no such version."""
    where = (VERSIONS.c.kind == kind, VERSIONS.c.name == name, VERSIONS.c.version == version)
    found = connection.scalar(select(VERSIONS.c.body_json).where(*where))
    return None if found is None else str(found)


def _write_version(connection: Connection, change: Change, row: ChangeRow) -> None:
    values = {
        "kind": change.kind,
        "name": change.name,
        "version": change.version,
        "digest": change.digest,
        "body_json": change.body_json,
        "author": row.author,
        "created_us": row.time_us,
        "revision": row.revision,
    }
    connection.execute(insert(VERSIONS).values(values))


def _write_alias(connection: Connection, change: Change, row: ChangeRow) -> None:
    where = (ALIASES.c.kind == change.kind, ALIASES.c.name == change.name, ALIASES.c.alias == change.alias)
    connection.execute(delete(ALIASES).where(*where))
    connection.execute(
        insert(ALIASES).values(
            kind=change.kind, name=change.name, alias=change.alias, version=change.version, revision=row.revision
        )
    )
