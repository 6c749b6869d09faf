"""`weir sql` over lineage's real API: rows, and what the columns of a view mean."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from weir.cli.__main__ import app
from weir.cli.output import CliError
from weir.lineage.read.core.sql_names import VIEWS


@pytest.mark.capability("U5")
def test_the_columns_of_a_view_say_what_they_mean(lineage: str) -> None:
    ran = CliRunner().invoke(app, ["sql", "--columns", "v_spans", "--json"])
    items = {item["name"]: item for item in json.loads(ran.stdout)["items"]}

    assert ran.exit_code == 0
    assert items["start_time_us"] == {
        "view": "v_spans", "name": "start_time_us", "type": "Int64", "meaning": "Start, microseconds since 1970-01-01 UTC.",
    }  # fmt: skip


def test_without_a_view_the_columns_of_all_are_listed(lineage: str) -> None:
    ran = CliRunner().invoke(app, ["sql", "--columns", "--json"])

    assert {item["view"] for item in json.loads(ran.stdout)["items"]} == VIEWS


@pytest.mark.parametrize("arguments", [["--columns", "v_spans'"], ["--columns", "spans"], []])
def test_what_is_no_view_and_no_statement_is_an_error_that_says_so(lineage: str, arguments: list[str]) -> None:
    ran = CliRunner().invoke(app, ["sql", *arguments])

    assert isinstance(ran.exception, CliError) or ran.exit_code not in (0, 1)
