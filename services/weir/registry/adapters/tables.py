"""Tables of the registry. Numbers are given by us inside the write transaction, so they have no gaps."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, MetaData, PrimaryKeyConstraint, String, Table, Text

METADATA = MetaData()

META = Table("meta", METADATA, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False))
"""Facts about the database itself: who numbers its events since when; and the row every writer locks."""

VERSIONS = Table(
    "versions",
    METADATA,
    Column("kind", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("version", String(128), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("body_json", Text, nullable=False),
    Column("author", String(128), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name", "version"),
)
"""Immutable versions: rows are added, never changed."""

ALIASES = Table(
    "aliases",
    METADATA,
    Column("kind", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("alias", String(128), nullable=False),
    Column("version", String(128), nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name", "alias"),
)
"""Where each alias points now."""

APPROVALS = Table(
    "approvals",
    METADATA,
    Column("kind", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("version", String(128), nullable=False),
    Column("approver", String(128), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    PrimaryKeyConstraint("kind", "name", "version", "approver"),
)
"""Who approved which version; rows are added, never changed."""

CHANGES = Table(
    "changes",
    METADATA,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("change", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("name", String(128), nullable=False),
    Column("version", String(128), nullable=False),
    Column("digest", String(71), nullable=False),
    Column("alias", String(128), nullable=False),
    Column("previous_digest", String(71), nullable=False),
    Column("author", String(128), nullable=False),
    Column("time_us", BigInteger, nullable=False),
    Index("changes_by_asset", "kind", "name"),
    Index("changes_by_time", "time_us"),
)
"""Every change in order: versions created and aliases moved."""

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("topic", String(128), nullable=False),
    Column("key", String(400), nullable=False),
    Column("record_json", Text, nullable=False),
    Column("is_sent", Boolean, nullable=False),
    Index("outbox_waiting", "is_sent", "position"),
)
"""Events, numbered and complete, written with the change they tell of; sent in order of position."""

GOVERNANCE = Table(
    "governance",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("record_hash", String(64), nullable=False),
    Column("record_json", Text, nullable=False),
)
"""The hash chain; the newest row holds its head."""

SCHEMAS = Table(
    "schemas",
    METADATA,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("digest", String(71), nullable=False, unique=True),
    Column("text", Text, nullable=False),
)
"""Avro schemas by id; equal schemas share one."""

SUBJECTS = Table(
    "subjects",
    METADATA,
    Column("subject", String(255), nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("schema_id", BigInteger, nullable=False),
    PrimaryKeyConstraint("subject", "version"),
)
"""Versions of each subject."""

LEVELS = Table(
    "levels", METADATA, Column("subject", String(255), primary_key=True), Column("level", String(32), nullable=False)
)
"""Compatibility levels that were set; the empty subject is the default of all."""
