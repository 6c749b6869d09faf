"""docs/sql-columns.md is what a store with every migration has, and no column of a published view is without a meaning."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from tools.sql_columns import unit_of

from weir.lineage.read.core.sql_names import VIEWS

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "sql-columns.md").read_text()


@pytest.mark.capability("U5")
def test_the_committed_page_is_the_one_of_the_store() -> None:
    command = [sys.executable, "-m", "tools.sql_columns", "--check"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.capability("U5")
def test_every_view_and_every_column_says_what_it_is() -> None:
    sections = {part.splitlines()[0]: part.splitlines()[1:] for part in PAGE.split("\n## ")[1:]}

    assert set(sections) == VIEWS
    for view, lines in sections.items():
        assert lines[0].endswith("."), view
        cells = [line.strip("|").split(" | ") for line in lines[4:] if line.startswith("|")]
        assert len(cells) > 3
        assert [cell[0] for cell in cells if not cell[3].strip()] == [], view


def test_a_unit_stands_last_in_a_name() -> None:
    names = ("latency_ms", "event_time_us", "payload_bytes", "route", "events")

    assert [unit_of(name, "Int64") for name in names] == ["milliseconds", "microseconds", "bytes", "-", "-"]
    assert unit_of("event_time", "DateTime64(6, 'UTC')") == "time, UTC"
