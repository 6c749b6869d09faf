"""The files of migrations, without a store: two branches that take the same number do not both land."""

from __future__ import annotations

import pytest

from weir.lineage.store.migrate import migrations

pytestmark = pytest.mark.capability("X1")


def test_every_migration_has_a_number_of_its_own() -> None:
    """The ledger knows a file by its number: two of one number would refuse every second start."""
    assert [migration.number for migration in migrations()] == list(range(1, len(migrations()) + 1))


def test_migrations_only_add() -> None:
    """Expand-only: nothing that an older build reads is taken away or renamed."""
    for migration in migrations():
        for statement in migration.statements():
            words = statement.upper().split()
            assert words[0] in ("CREATE", "ALTER", "INSERT")
            assert not {"DROP", "RENAME", "MODIFY", "TRUNCATE", "DELETE"} & set(words), statement[:80]
