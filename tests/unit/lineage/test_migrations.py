"""Migrations on the real engine: a start that dies at any statement is finished by the next one, to the same tables."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from weir.cli.stack.layout import repository
from weir.lineage.settings import LineageSettings
from weir.lineage.store import migrate as module
from weir.lineage.store.migrate import Migration, migrate, migrations
from weir.lineage.store.store import Store
from weir.runtime.errors import BadSetting

pytestmark = pytest.mark.capability("X1")

CHILD = """
import sys
from pathlib import Path
from weir.lineage.store.migrate import migrate
from weir.lineage.store.store import Store
from weir.lineage.settings import LineageSettings

class Telling(Store):
    def command(self, sql):
        print("statement", flush=True)
        super().command(sql)

migrate(Telling(LineageSettings(data_dir=Path(sys.argv[1]))))
"""
"""A process that says when it begins a statement, so that it can be killed in one."""


class Died(Exception):
    """The process is gone."""


class DyingStore(Store):
    """A store whose process dies after so many statements; what they did stays."""

    left = 0

    def command(self, sql: str) -> None:
        if self.left == 0:
            raise Died
        self.left -= 1
        super().command(sql)


@dataclass
class Place:
    """A store's folder, opened and closed as processes do."""

    folder: Path
    opened: list[Store] = field(default_factory=list)

    def open(self, kind: type[Store] = Store) -> Store:
        for store in self.opened:
            store.close()
        self.opened = [kind(LineageSettings(data_dir=self.folder))]
        return self.opened[0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path / "place")
    yield place
    for store in place.opened:
        store.close()


def tables(store: Store) -> dict[str, str]:
    """Each table and view as the engine would make it again, and how many rows the ledger holds."""
    rows = store.rows("SELECT name, create_table_query FROM system.tables WHERE database = currentDatabase()")
    ledger = store.rows("SELECT count() AS files FROM migrations FINAL")
    return {**{str(row["name"]): str(row["create_table_query"]) for row in rows}, "files": str(ledger[0]["files"])}


def statements() -> int:
    """Of all files, the ledger's table and a ledger row for each file included."""
    return 1 + sum(1 + len(list(migration.statements())) for migration in migrations())


@pytest.mark.slow
def test_a_death_after_any_statement_is_made_good_by_the_next_start(place: Place, tmp_path: Path) -> None:
    deaths, dying = 0, place.open(DyingStore)
    assert isinstance(dying, DyingStore)
    for survived in range(1, statements() + 1):
        dying.left = survived
        try:
            migrate(dying)
        except Died:
            deaths += 1
    whole = tables(place.open())

    undisturbed = Place(tmp_path / "undisturbed")
    place.opened[0].close()
    place.opened = undisturbed.opened = []
    store = undisturbed.open()
    assert migrate(store) == len(migrations())
    assert deaths > len(migrations())
    assert whole == tables(store)
    undisturbed.opened[0].close()


@pytest.mark.parametrize("statement", [1, 9, 22, 41])
@pytest.mark.slow
def test_a_kill_in_a_statement_is_made_good_by_the_next_start(place: Place, statement: int) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(place.folder)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"PYTHONPATH": str(repository() / "services")},
    )  # fmt: skip
    assert child.stdout is not None
    with child.stdout as lines:
        for _ in range(statement):
            while lines.readline() not in (b"statement\n", b""):
                continue
        child.send_signal(signal.SIGKILL)
        assert child.wait(60) == -signal.SIGKILL

    store = place.open()
    migrate(store)
    assert tables(store)["files"] == str(len(migrations()))
    assert migrate(store) == 0


@pytest.mark.slow
def test_a_file_that_was_applied_with_another_text_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    store = place.open()
    one = Migration(1, "0001_x.sql", "CREATE TABLE IF NOT EXISTS x (a Int32) ENGINE = MergeTree ORDER BY a;\n")
    monkeypatch.setattr(module, "migrations", lambda: [one])
    assert migrate(store) == 1

    monkeypatch.setattr(module, "migrations", lambda: [Migration(1, "0001_x.sql", one.text + "-- more\n")])
    with pytest.raises(BadSetting, match=r"0001_x\.sql was applied with another text"):
        migrate(store)
