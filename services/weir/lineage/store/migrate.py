"""Migrations: numbered files of idempotent, expand-only statements, applied in order at start.

The files ship inside the package. A statement that was applied before changes nothing, so a start that dies between two
statements goes on at the next one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from weir.lineage.store.store import Store
from weir.runtime.errors import BadSetting
from weir.runtime.telemetry.logs import logger

LEDGER = """
CREATE TABLE IF NOT EXISTS migrations (
    number UInt32 COMMENT 'Number of the migration file.',
    name String COMMENT 'Name of the file.',
    sha256 String COMMENT 'SHA-256 of its text.',
    applied_at DateTime64(6, 'UTC') DEFAULT now64(6, 'UTC') COMMENT 'When it was applied.'
) ENGINE = ReplacingMergeTree ORDER BY number
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file."""

    number: int
    name: str
    text: str

    @property
    def sha256(self) -> str:
        """Hash of its text: an applied file must not change."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def statements(self) -> Iterator[str]:
        """Its statements, without comment lines."""
        lines = [line for line in self.text.splitlines() if not line.lstrip().startswith("--")]
        yield from (part.strip() for part in "\n".join(lines).split(";\n") if part.strip(" ;\n"))


def migrations() -> list[Migration]:
    """The files of the package, in order."""
    files = [
        file
        for file in resources.files("weir.lineage.store").joinpath("migrations").iterdir()
        if file.name.endswith(".sql")
    ]
    found = [Migration(int(file.name.split("_")[0]), file.name, file.read_text()) for file in files]
    return sorted(found, key=lambda migration: migration.number)


def migrate(store: Store) -> int:
    """Apply what is not applied yet; returns how many files. Raises BadSetting when an applied file was changed."""
    store.command(LEDGER)
    applied = {
        int(row["number"]): str(row["sha256"]) for row in store.rows("SELECT number, sha256 FROM migrations FINAL")
    }
    count = 0
    for migration in migrations():
        if migration.number in applied:
            if applied[migration.number] != migration.sha256:
                raise BadSetting(f"migration {migration.name} was applied with another text; add a new file instead")
            continue
        for statement in migration.statements():
            store.command(statement)
        store.command(
            f"INSERT INTO migrations (number, name, sha256) VALUES ({migration.number}, '{migration.name}', '{migration.sha256}')"
        )
        logger().info("migrated", name=migration.name)
        count += 1
    return count
