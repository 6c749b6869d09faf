"""docs/sql-columns.md is what a store with every migration has, and no column of a published view is without a meaning."""

from __future__ import annotations

import ast
import pathlib
import re
import subprocess
import sys
from typing import get_args

import pytest
from tools.sql_columns import unit_of

from weir.events import SpanKind
from weir.gateway.core.call import Protocol
from weir.lineage.read.core.sql_names import VIEWS
from weir.otlp.core.events import PROTOCOL
from weir.runtime.telemetry.otlp_spans import KINDS

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


def test_every_kind_that_a_span_may_have_is_named_where_it_is_read() -> None:
    (told,) = re.findall(r"^\| kind \| .* \| (OpenTelemetry span kind: .*) \|$", PAGE, re.MULTILINE)
    (written,) = re.findall(
        r'"(OpenTelemetry span kind: .*)"', (ROOT / "schemas/avro/spans-recorded.v1.avsc").read_text()
    )

    assert told == written
    assert set(re.split(r", | or ", told.partition(": ")[2].removesuffix("."))) == set(get_args(SpanKind)) == set(KINDS)


def test_every_way_in_is_named_where_it_is_read() -> None:
    told = re.findall(r"^\| protocol \| .* \| (Way in: .*) \|$", PAGE, re.MULTILINE)
    schemas = [ROOT / f"schemas/avro/inference-{name}.v1.avsc" for name in ("requested", "completed")]
    written = [found for path in schemas for found in re.findall(r'"(Way in: .*)"', path.read_text())]

    assert told
    assert set(told) == set(written)
    for one in written:
        assert set(re.split(r", | or ", one.partition(": ")[2].removesuffix("."))) == {*get_args(Protocol), PROTOCOL}


def test_our_code_writes_no_other_kind_of_span() -> None:
    texts = [path.read_text() for path in (ROOT / "services").rglob("*.py")]
    calls = [
        node
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Span"
    ]
    given = [word.value for call in calls for word in call.keywords if word.arg == "kind"]
    literal = {one.value for one in given if isinstance(one, ast.Constant)}
    reported = {kind for text in texts for kind in re.findall(r'"kind":"(\w+)","service"', text)}

    assert {"server", "client", "consumer", "internal"} == literal | reported
    assert literal | reported <= set(get_args(SpanKind))


def test_a_unit_stands_last_in_a_name() -> None:
    names = ("latency_ms", "event_time_us", "payload_bytes", "route", "events")

    assert [unit_of(name, "Int64") for name in names] == ["milliseconds", "microseconds", "bytes", "-", "-"]
    assert unit_of("event_time", "DateTime64(6, 'UTC')") == "time, UTC"
