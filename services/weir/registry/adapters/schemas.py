"""Schemas in the database: ids, subjects and their versions, compatibility levels."""

from __future__ import annotations

from sqlalchemy import Connection, delete, func, insert, select

from weir.registry.adapters.tables import LEVELS, SCHEMAS, SUBJECTS
from weir.registry.core.compatibility import DEFAULT_LEVEL, Stored


def text_of(connection: Connection, schema_id: int) -> str | None:
    """The schema of an id; None when there is none."""
    found = connection.scalar(select(SCHEMAS.c.text).where(SCHEMAS.c.id == schema_id))
    return None if found is None else str(found)


def id_of(connection: Connection, digest: str) -> int | None:
    """The id of a schema with this digest; None when there is none."""
    found = connection.scalar(select(SCHEMAS.c.id).where(SCHEMAS.c.digest == digest))
    return None if found is None else int(found)


def subjects(connection: Connection) -> list[str]:
    """Every subject, sorted."""
    return [
        str(row[0]) for row in connection.execute(select(SUBJECTS.c.subject).distinct().order_by(SUBJECTS.c.subject))
    ]


def versions(connection: Connection, subject: str) -> list[tuple[int, int]]:
    """Version numbers and schema ids of a subject, oldest first; empty for an unknown one."""
    chosen = select(SUBJECTS.c.version, SUBJECTS.c.schema_id).where(SUBJECTS.c.subject == subject)
    return [(int(row[0]), int(row[1])) for row in connection.execute(chosen.order_by(SUBJECTS.c.version))]


def stored(connection: Connection, subject: str) -> list[Stored]:
    """Every version of a subject with its text, oldest first."""
    chosen = select(SUBJECTS.c.version, SCHEMAS.c.text).join_from(
        SUBJECTS, SCHEMAS, SUBJECTS.c.schema_id == SCHEMAS.c.id
    )
    rows = connection.execute(chosen.where(SUBJECTS.c.subject == subject).order_by(SUBJECTS.c.version))
    return [Stored(int(row[0]), str(row[1])) for row in rows]


def uses(connection: Connection, schema_id: int) -> list[tuple[str, int]]:
    """Subjects and versions that use an id."""
    chosen = select(SUBJECTS.c.subject, SUBJECTS.c.version).where(SUBJECTS.c.schema_id == schema_id)
    return [(str(row[0]), int(row[1])) for row in connection.execute(chosen.order_by(SUBJECTS.c.subject))]


def add(connection: Connection, subject: str, digest: str, text: str) -> tuple[int, int]:
    """Add a schema as the next version of a subject; returns its id, old or new, and the version."""
    schema_id = id_of(connection, digest)
    if schema_id is None:
        schema_id = 1 + int(connection.scalar(select(func.coalesce(func.max(SCHEMAS.c.id), 0))) or 0)
        connection.execute(insert(SCHEMAS).values(id=schema_id, digest=digest, text=text))
    newest = select(func.coalesce(func.max(SUBJECTS.c.version), 0)).where(SUBJECTS.c.subject == subject)
    version = 1 + int(connection.scalar(newest) or 0)
    connection.execute(insert(SUBJECTS).values(subject=subject, version=version, schema_id=schema_id))
    return schema_id, version


def level_of(connection: Connection, subject: str) -> str | None:
    """The compatibility level set for a subject itself; None when it has none."""
    found = connection.scalar(select(LEVELS.c.level).where(LEVELS.c.subject == subject))
    return None if found is None else str(found)


def effective_level(connection: Connection, subject: str) -> str:
    """The level that rules a subject: its own, else the default of all, else FULL."""
    return level_of(connection, subject) or level_of(connection, "") or DEFAULT_LEVEL


def set_level(connection: Connection, subject: str, level: str | None) -> None:
    """Set the level of a subject, or of all for the empty subject; None takes it away."""
    connection.execute(delete(LEVELS).where(LEVELS.c.subject == subject))
    if level is not None:
        connection.execute(insert(LEVELS).values(subject=subject, level=level))
