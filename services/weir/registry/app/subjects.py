"""Subjects: the schema registry behind the Confluent-compatible API. Avro only.

An id belongs to a schema, not to a subject: equal schemas share one, whatever the layout of their JSON.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from weir.registry.adapters import schemas
from weir.registry.adapters.database import Database
from weir.registry.adapters.metrics import SCHEMAS
from weir.registry.core.compatibility import LEVELS, Stored, incompatibilities
from weir.registry.core.schema_errors import (
    INCOMPATIBLE,
    INVALID_LEVEL,
    INVALID_SCHEMA,
    INVALID_SUBJECT,
    INVALID_VERSION,
    LEVEL_NOT_FOUND,
    SCHEMA_NOT_FOUND,
    SUBJECT_NOT_FOUND,
    VERSION_NOT_FOUND,
    SchemaRefused,
)
from weir.registry.core.schema_text import InvalidSchema, schema_digest

SUBJECT = re.compile(r"[A-Za-z0-9._-]{1,255}")

VERSION_DIGITS_MAX = 10
"""Digits of a version number: those of 2^31, the largest that Confluent's clients can hold."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A schema as a version of a subject."""

    subject: str
    version: int
    schema_id: int
    text: str


class Subjects:
    """Schemas, subjects and levels over one database. Every method raises SchemaRefused."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def register_all(self, texts: Mapping[str, str]) -> None:
        """Register this build's schemas, subject to text, in order of subject, so that a fresh registry always gives
        the same ids."""
        with self._database.writing() as connection:
            for subject in sorted(texts):
                self._register(connection, subject, texts[subject], may_add=True)

    def register(self, subject: str, text: str, *, may_add: bool) -> Registered:
        """The schema as a version of the subject, added when it is new and compatible.

        may_add: whether the caller may add; a known schema is answered to anyone. Raises PermissionError otherwise.
        """
        with self._database.writing() as connection:
            return self._register(connection, subject, text, may_add=may_add)

    def find(self, subject: str, text: str) -> Registered:
        """The version under which a subject has this schema."""
        digest = _digest(text)
        with self._database.reading() as connection:
            _versions(connection, subject)
            known = _known(connection, subject, digest)
        if known is None:
            raise SchemaRefused(SCHEMA_NOT_FOUND, f"subject {subject!r} has no such schema")
        return known

    def version(self, subject: str, version: str) -> Registered:
        """One version of a subject; version: a number or latest."""
        with self._database.reading() as connection:
            number, schema_id = _pick(_versions(connection, subject), subject, version)
            return Registered(subject, number, schema_id, schemas.text_of(connection, schema_id) or "")

    def versions(self, subject: str) -> list[int]:
        """Version numbers of a subject, oldest first."""
        with self._database.reading() as connection:
            return [number for number, _ in _versions(connection, subject)]

    def subjects(self) -> list[str]:
        """Every subject, sorted."""
        with self._database.reading() as connection:
            return schemas.subjects(connection)

    def text(self, schema_id: int) -> str:
        """The schema of an id."""
        with self._database.reading() as connection:
            text = schemas.text_of(connection, schema_id)
        if text is None:
            raise SchemaRefused(SCHEMA_NOT_FOUND, f"schema {schema_id} not found")
        return text

    def uses(self, schema_id: int) -> list[tuple[str, int]]:
        """Subjects and versions that use an id."""
        self.text(schema_id)
        with self._database.reading() as connection:
            return schemas.uses(connection, schema_id)

    def compatibility(self, subject: str, text: str, version: str = "") -> tuple[str, ...]:
        """Why the schema may not follow: against one version, or against what the subject's level asks when empty."""
        _digest(text)
        with self._database.reading() as connection:
            if not version:
                return self._incompatible(connection, subject, text)
            number, schema_id = _pick(_versions(connection, subject), subject, version)
            old = Stored(number, schemas.text_of(connection, schema_id) or "")
            return incompatibilities(text, [old], schemas.effective_level(connection, subject))

    def level(self, subject: str, *, or_default: bool) -> str:
        """The level of a subject; the empty subject asks for the default of all."""
        with self._database.reading() as connection:
            own = schemas.level_of(connection, subject)
            if own is None and subject and not or_default:
                raise SchemaRefused(LEVEL_NOT_FOUND, f"subject {subject!r} has no compatibility level of its own")
            return own or schemas.effective_level(connection, subject)

    def set_level(self, subject: str, level: str) -> None:
        """Set the level of a subject, or the default of all for the empty subject."""
        if level not in LEVELS:
            raise SchemaRefused(INVALID_LEVEL, f"level is {level!r}; expected one of: {', '.join(LEVELS)}")
        if subject:
            _check_subject(subject)
        with self._database.writing() as connection:
            schemas.set_level(connection, subject, level)

    def _register(self, connection: Connection, subject: str, text: str, *, may_add: bool) -> Registered:
        _check_subject(subject)
        digest = _digest(text)
        known = _known(connection, subject, digest)
        if known is not None:
            SCHEMAS.labels("known").inc()
            return known
        if not may_add:
            raise PermissionError(f"schema of {subject!r} is new, and adding one needs the registry's token")
        messages = self._incompatible(connection, subject, text)
        if messages:
            SCHEMAS.labels("incompatible").inc()
            level = schemas.effective_level(connection, subject)
            detail = f"schema for {subject!r} is incompatible ({level}): {'; '.join(messages)}"
            raise SchemaRefused(INCOMPATIBLE, detail)
        schema_id, version = schemas.add(connection, subject, digest, text)
        SCHEMAS.labels("added").inc()
        return Registered(subject, version, schema_id, text)

    @staticmethod
    def _incompatible(connection: Connection, subject: str, text: str) -> tuple[str, ...]:
        level = schemas.effective_level(connection, subject)
        return () if level == "NONE" else incompatibilities(text, schemas.stored(connection, subject), level)


def _check_subject(subject: str) -> None:
    if not SUBJECT.fullmatch(subject):
        raise SchemaRefused(INVALID_SUBJECT, f"subject is {subject!r}; expected 1 to 255 of A-Z a-z 0-9 . _ -")


def _digest(text: str) -> str:
    try:
        return schema_digest(text)
    except InvalidSchema as error:
        SCHEMAS.labels("invalid").inc()
        raise SchemaRefused(INVALID_SCHEMA, str(error)) from error


def _known(connection: Connection, subject: str, digest: str) -> Registered | None:
    schema_id = schemas.id_of(connection, digest)
    for number, one in schemas.versions(connection, subject):
        if one == schema_id:
            return Registered(subject, number, one, schemas.text_of(connection, one) or "")
    return None


def _versions(connection: Connection, subject: str) -> list[tuple[int, int]]:
    found = schemas.versions(connection, subject)
    if not found:
        raise SchemaRefused(SUBJECT_NOT_FOUND, f"subject {subject!r} not found")
    return found


def _pick(found: Sequence[tuple[int, int]], subject: str, version: str) -> tuple[int, int]:
    if version in ("latest", "-1"):
        return found[-1]
    is_number = version.isascii() and version.isdigit() and len(version) <= VERSION_DIGITS_MAX
    if not is_number or int(version) < 1:
        raise SchemaRefused(INVALID_VERSION, f"version is {version[:40]!r}; expected a number from 1, or latest")
    for pair in found:
        if pair[0] == int(version):
            return pair
    raise SchemaRefused(VERSION_NOT_FOUND, f"subject {subject!r} has no version {version}; newest: {found[-1][0]}")
